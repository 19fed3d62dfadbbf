// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"time"
)

// Commands and attributes of linux/ip_vs.h.
const (
	familyName = "IPVS"
	version    = 1

	cmdNewService = 1
	cmdSetService = 2
	cmdDelService = 3
	cmdGetService = 4
	cmdNewDest    = 5
	cmdSetDest    = 6
	cmdDelDest    = 7
	cmdGetDest    = 8
	cmdNewDaemon  = 9
	cmdDelDaemon  = 10
	cmdGetDaemon  = 11
	cmdSetConfig  = 12
	cmdGetConfig  = 13
	cmdGetInfo    = 15
	cmdZero       = 16
	cmdFlush      = 17

	attrService    = 1
	attrDest       = 2
	attrDaemon     = 3
	attrTimeoutTCP = 4
	attrTimeoutFin = 5
	attrTimeoutUDP = 6

	svcFamily, svcProtocol, svcAddr, svcPort, svcMark                      = 1, 2, 3, 4, 5
	svcScheduler, svcFlags, svcTimeout, svcNetmask                         = 6, 7, 8, 9
	svcStats, svcEngine, svcStats64                                        = 10, 11, 12
	destAddr, destPort, destMethod, destWeight, destUpper, destLower       = 1, 2, 3, 4, 5, 6
	destActive, destInactive, destPersistent, destStats, destFamily        = 7, 8, 9, 10, 11
	destStats64, destTunnelType, destTunnelPort, destTunnelFlags           = 12, 13, 14, 15
	daemonState, daemonInterface, daemonSyncID, daemonMaxLen               = 1, 2, 3, 4
	daemonGroup, daemonGroup6, daemonPort, daemonTTL                       = 5, 6, 7, 8
	statsConns, statsInPkts, statsOutPkts, statsInBytes, statsOutBytes     = 1, 2, 3, 4, 5
	statsCPS, statsInPPS, statsOutPPS, statsInBPS, statsOutBPS             = 6, 7, 8, 9, 10
	infoVersion, infoTableSize                                             = 1, 2
	nameMost                                                           int = 15 // of a scheduler or engine, or an interface
)

// commands are the kernel's commands of the verbs.
var commands = [verbs]byte{cmdNewService, cmdSetService, cmdDelService, cmdNewDest, cmdSetDest, cmdDelDest, cmdZero}

// wholeClient is the netmask by which each client is by itself.
func wholeClient(f Family) uint32 {
	if f == IPv6 {
		return 128
	}
	return math.MaxUint32
}

// appendOp appends the message of one change.
func appendOp(b []byte, family, flags uint16, seq uint32, o *Op) []byte {
	start := len(b)
	b = openMessage(b, family, flags, seq, commands[o.Verb], version)
	b = appendService(b, &o.Service, o.Verb == AddService || o.Verb == EditService)
	switch o.Verb {
	case AddDestination, EditDestination:
		b = appendDestination(b, &o.Destination, true)
	case DeleteDestination:
		b = appendDestination(b, &o.Destination, false)
	case AddService, EditService, DeleteService, Zero:
	}
	return closeMessage(b, start)
}

// appendService appends the key of a service and, if it is to be full, the rest.
func appendService(b []byte, s *Service, full bool) []byte {
	start := len(b)
	b = openNest(b, attrService)
	b = appendU16(b, svcFamily, uint16(s.Family))
	if s.Mark != 0 {
		b = appendU32(b, svcMark, s.Mark)
	} else {
		b = appendU16(b, svcProtocol, uint16(s.Protocol))
		b = appendAddr(b, svcAddr, s.Addr)
		b = appendPort(b, svcPort, s.Port)
	}
	if full {
		flags := s.Flags &^ persistent & settable
		seconds := uint32(0)
		mask := wholeClient(s.Family)
		if s.Persistent() {
			flags |= persistent
			seconds = wholeSeconds(s.Timeout)
			if s.Netmask != 0 {
				mask = s.Netmask
			}
		}
		b = appendString(b, svcScheduler, s.Scheduler)
		if s.Engine != "" {
			b = appendString(b, svcEngine, s.Engine)
		}
		b = attrHeader(b, svcFlags, 8)
		b = host.AppendUint32(b, uint32(flags))
		// Those we do not know stay as the kernel has them.
		b = host.AppendUint32(b, uint32(settable))
		b = appendU32(b, svcTimeout, seconds)
		if s.Family == IPv6 {
			b = appendU32(b, svcNetmask, mask)
		} else {
			b = binary.BigEndian.AppendUint32(attrHeader(b, svcNetmask, 4), mask)
		}
	}
	return closeNest(b, start)
}

// appendDestination appends the key of a destination and, if it is to be full,
// the rest.
func appendDestination(b []byte, d *Destination, full bool) []byte {
	start := len(b)
	b = openNest(b, attrDest)
	b = appendU16(b, destFamily, uint16(FamilyOf(d.Addr)))
	b = appendAddr(b, destAddr, d.Addr)
	b = appendPort(b, destPort, d.Port)
	if full {
		b = appendU32(b, destMethod, uint32(d.Method))
		b = appendU32(b, destWeight, d.Weight)
		b = appendU32(b, destUpper, d.Upper)
		b = appendU32(b, destLower, d.Lower)
		// Kernels before 5.3 do not know these; they pass over them.
		if d.Method == Tunnel && (d.TunnelType != IPIP || d.TunnelPort != 0 || d.TunnelFlags != 0) {
			b = appendU8(b, destTunnelType, uint8(d.TunnelType))
			b = appendPort(b, destTunnelPort, d.TunnelPort)
			b = appendU16(b, destTunnelFlags, uint16(d.TunnelFlags))
		}
	}
	return closeNest(b, start)
}

// appendAddr appends an address in the room that the kernel has for either
// family.
func appendAddr(b []byte, kind uint16, a netip.Addr) []byte {
	b = attrHeader(b, kind, 16)
	if a.Is4() {
		v := a.As4()
		return append(append(b, v[:]...), make([]byte, 12)...)
	}
	v := a.As16()
	return append(b, v[:]...)
}

// wholeSeconds rounds up, so that a time that is set does not become none.
func wholeSeconds(d time.Duration) uint32 {
	return uint32(min(max((d+time.Second-1)/time.Second, 0), math.MaxUint32))
}

// Check says what the kernel could not be told of a change: it would misread
// it, or take it for another one. Apply does not send such a change.
func (o *Op) Check() error {
	s := &o.Service
	if o.Verb >= verbs {
		return fmt.Errorf("no such change")
	}
	if s.Family != IPv4 && s.Family != IPv6 {
		return fmt.Errorf("no such address family: %d", s.Family)
	}
	if s.Mark == 0 && (!s.Addr.IsValid() || FamilyOf(s.Addr) != s.Family) {
		return fmt.Errorf("the service has neither a mark nor an address of its family")
	}
	if err := parameter("scheduler", s.Scheduler, nameMost); err != nil {
		return err
	}
	if err := parameter("persistence engine", s.Engine, nameMost); err != nil {
		return err
	}
	switch o.Verb {
	case AddDestination, EditDestination, DeleteDestination:
		if !o.Destination.Addr.IsValid() {
			return fmt.Errorf("the destination has no address")
		}
	case AddService, EditService, DeleteService, Zero:
	}
	return nil
}
