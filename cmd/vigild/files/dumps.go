// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/cmd/vigild/dump"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// Signals that keepalived takes beside those with names (compat): their numbers
// are what its --signum says.
const (
	StatsClear = syscall.Signal(63)
	JSON       = syscall.Signal(36)
)

// Dumps writes the files that signals ask for.
type Dumps struct {
	// Config is the configuration in force.
	Config *config.Config
	// Suffix tells the files of several daemons apart (data_use_instance).
	Suffix  string
	cleared map[string]event.Tally
}

// Write writes the files that a signal asks for: the data, the statistics, or
// both as JSON.
func (d *Dumps) Write(sig os.Signal, v *ledger.View) error {
	s := &dump.Source{Config: d.Config, View: v, Cleared: d.cleared, Primary: primary}
	files := &d.Config.Global.Dump
	switch sig {
	case syscall.SIGUSR1:
		return errors.Join(
			replaceFile(d.data("_parent"), dump.Parent(s)),
			replaceFile(d.data(""), dump.Data(s)),
		)
	case syscall.SIGUSR2:
		return replaceFile(dumpPath(files.Stats, "keepalived.stats"), dump.Stats(s))
	case StatsClear:
		err := replaceFile(dumpPath(files.Stats, "keepalived.stats"), dump.Stats(s))
		d.cleared = dump.Clear(v)
		return err
	case JSON:
		text, err := dump.JSON(s)
		if err != nil {
			return err
		}
		return replaceFile(dumpPath(files.JSON, "keepalived.json"), text)
	}
	return nil
}

// data is the path of a file of data of a part of the daemon (compat:
// keepalived_parent.data, and keepalived_parent.INSTANCE.data with
// data_use_instance).
func (d *Dumps) data(part string) string {
	path := dumpPath(d.Config.Global.Dump.State, "keepalived.data")
	base, _ := strings.CutSuffix(path, ".data")
	base += part
	if d.Config.Global.Dump.UseInstance && d.Suffix != "" {
		base += "." + strings.TrimPrefix(d.Suffix, "_")
	}
	return base + ".data"
}

// dumpPath is where a dump goes: as configured, or else in TMPDIR if that is the
// absolute path of a folder, or else in /tmp (compat).
func dumpPath(configured, usual string) string {
	path := cmp.Or(configured, usual)
	if filepath.IsAbs(path) {
		return path
	}
	dir := os.Getenv("TMPDIR")
	if st, err := os.Stat(dir); filepath.IsAbs(dir) && err == nil && st.IsDir() {
		return filepath.Join(dir, path)
	}
	return filepath.Join("/tmp", path)
}

// replaceFile writes a file under another name and renames it, so that nobody
// reads half of it and nobody's link in a folder open to all is followed. Its
// mode is that of the mask in force.
func replaceFile(path string, text []byte) error {
	hidden := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"-"+strconv.Itoa(os.Getpid()))
	// What an earlier life of this process number left behind.
	_ = os.Remove(hidden)
	f, err := os.OpenFile(hidden, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o666) //nolint:gosec // the umask decides, as for keepalived
	if err != nil {
		return fmt.Errorf("dump %s: %w", path, err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(hidden, path)
	}
	if err != nil {
		os.Remove(hidden)
		return fmt.Errorf("dump %s: %w", path, err)
	}
	return nil
}

// primary is the first address of a family on an interface; link-local for IPv6,
// as adverts have it.
func primary(name string, family uint8) netip.Addr {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return netip.Addr{}
	}
	list, err := i.Addrs()
	if err != nil {
		return netip.Addr{}
	}
	for _, a := range list {
		p, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		if addr := p.Addr().Unmap(); family == 4 && addr.Is4() || family == 6 && addr.Is6() && addr.IsLinkLocalUnicast() {
			return addr
		}
	}
	return netip.Addr{}
}
