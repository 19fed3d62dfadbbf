// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// SyncRole is what a synchronisation daemon does.
type SyncRole uint8

// The roles: IP_VS_STATE_MASTER tells others of its connections,
// IP_VS_STATE_BACKUP learns those of others. A kernel can do both.
const (
	SyncMaster SyncRole = 1
	SyncBackup SyncRole = 2
)

// String is the role in keepalived's and ipvsadm's words.
func (r SyncRole) String() string {
	switch r {
	case SyncMaster:
		return "master"
	case SyncBackup:
		return "backup"
	}
	return fmt.Sprintf("sync role %d", uint8(r))
}

// SyncDaemon is one daemon that synchronises connections.
type SyncDaemon struct {
	Role      SyncRole
	Interface string
	// ID keeps pairs of directors on one wire apart; a backup with 0 learns from
	// all.
	ID uint8
	// The rest is since Linux 4.3; zero is the kernel's default.
	MaxLen uint16     // of a datagram, in bytes; the default follows the MTU
	Group  netip.Addr // 224.0.0.81
	Port   uint16     // 8848
	TTL    uint8      // 1
}

// StartSync starts a daemon. unix.EEXIST says that there is one of that role.
func (c *Conn) StartSync(d SyncDaemon) error {
	err := parameter("interface", d.Interface, nameMost)
	if err == nil {
		err = c.do(cmdNewDaemon, func(b []byte) []byte { return appendDaemon(b, &d, true) })
	}
	if err != nil {
		return fmt.Errorf("start the %s sync daemon on %s: %w", d.Role, d.Interface, err)
	}
	return nil
}

// StopSync ends the daemon of a role, and does nothing if there is none.
func (c *Conn) StopSync(r SyncRole) error {
	d := SyncDaemon{Role: r}
	err := c.do(cmdDelDaemon, func(b []byte) []byte { return appendDaemon(b, &d, false) })
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("stop the %s sync daemon: %w", r, err)
	}
	return nil
}

// SyncDaemons lists the daemons that run: none, one or two.
func (c *Conn) SyncDaemons() ([]SyncDaemon, error) {
	var out []SyncDaemon
	err := c.dump(cmdGetDaemon, nil, func(m message) error {
		d, err := parseDaemon(m)
		if err == nil && len(out) < 2 {
			out = append(out, d)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the sync daemons: %w", err)
	}
	return out, nil
}

func appendDaemon(b []byte, d *SyncDaemon, full bool) []byte {
	start := len(b)
	b = openNest(b, attrDaemon)
	b = appendU32(b, daemonState, uint32(d.Role))
	if full {
		b = appendString(b, daemonInterface, d.Interface)
		b = appendU32(b, daemonSyncID, uint32(d.ID))
		if d.MaxLen != 0 {
			b = appendU16(b, daemonMaxLen, d.MaxLen)
		}
		switch {
		case d.Group.Is4():
			b = appendBytes(b, daemonGroup, d.Group.AsSlice())
		case d.Group.IsValid():
			b = appendBytes(b, daemonGroup6, d.Group.AsSlice())
		}
		if d.Port != 0 {
			b = appendU16(b, daemonPort, d.Port)
		}
		if d.TTL != 0 {
			b = appendU8(b, daemonTTL, d.TTL)
		}
	}
	return closeNest(b, start)
}
