// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package ipvs

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// genlHeader is the length of what stands between the netlink header and the
// attributes.
const genlHeader = 4

// payload is the part of a generic netlink message after its own header.
func payload(m message) ([]byte, error) {
	if len(m.body) < genlHeader {
		return nil, errMalformed
	}
	return m.body[genlHeader:], nil
}

// nested finds one attribute of a message, nil if it is not there.
func nested(m message, kind uint16) ([]byte, error) {
	b, err := payload(m)
	if err != nil {
		return nil, err
	}
	for k, v := range attributes(b) {
		if k == kind {
			return v, nil
		}
	}
	return nil, nil
}

// parseService reads one service of a dump; wide says that its counters were
// the 64-bit ones.
func parseService(m message) (e Entry, wide bool, err error) {
	b, err := nested(m, attrService)
	if err != nil {
		return e, false, err
	}
	var addr, netmask []byte
	var stats Stats
	for kind, v := range attributes(b) {
		switch kind {
		case svcFamily:
			e.Family = Family(u16(v))
		case svcProtocol:
			e.Protocol = Protocol(u16(v))
		case svcAddr:
			addr = v
		case svcPort:
			e.Port = port(v)
		case svcMark:
			e.Mark = u32(v)
		case svcScheduler:
			e.Scheduler = word(v)
		case svcFlags:
			e.Flags = Flags(u32(v))
		case svcTimeout:
			e.Timeout = time.Duration(u32(v)) * time.Second
		case svcNetmask:
			netmask = v
		case svcEngine:
			e.Engine = word(v)
		case svcStats:
			stats = parseStats(v)
		case svcStats64:
			e.Stats, wide = parseStats(v), true
		}
	}
	if !wide {
		e.Stats = stats
	}
	if e.Family != IPv4 && e.Family != IPv6 {
		return e, false, fmt.Errorf("%w: a service of address family %d", errMalformed, e.Family)
	}
	if e.Mark != 0 {
		// The kernel has a protocol there all the same, which means nothing.
		e.Protocol, e.Port = 0, 0
	} else if e.Addr, err = parseAddr(e.Family, addr); err != nil {
		return e, false, err
	}
	e.Service = normal(e.Service, netmask)
	return e, wide, nil
}

// normal brings what the kernel keeps of persistence to the one form in which
// we say it.
func normal(s Service, netmask []byte) Service {
	if s.Flags&persistent == 0 {
		s.Timeout = 0
	} else {
		s.Netmask = u32(netmask)
		if s.Family == IPv4 && len(netmask) >= 4 {
			s.Netmask = binary.BigEndian.Uint32(netmask)
		}
		if s.Netmask == wholeClient(s.Family) {
			s.Netmask = 0
		}
	}
	s.Flags &= settable &^ persistent
	return s
}

// parseDestination reads one destination of a dump; f is the family of its
// service, which older kernels do not repeat.
func parseDestination(m message, f Family) (s Server, err error) {
	b, err := nested(m, attrDest)
	if err != nil {
		return s, err
	}
	var addr []byte
	var stats Stats
	wide := false
	for kind, v := range attributes(b) {
		switch kind {
		case destFamily:
			f = Family(u16(v))
		case destAddr:
			addr = v
		case destPort:
			s.Port = port(v)
		case destMethod:
			s.Method = Method(u32(v) & 7) // IP_VS_CONN_F_FWD_MASK
		case destWeight:
			s.Weight = u32(v)
		case destUpper:
			s.Upper = u32(v)
		case destLower:
			s.Lower = u32(v)
		case destActive:
			s.Active = u32(v)
		case destInactive:
			s.Inactive = u32(v)
		case destPersistent:
			s.Persistent = u32(v)
		case destStats:
			stats = parseStats(v)
		case destStats64:
			s.Stats, wide = parseStats(v), true
		case destTunnelType:
			s.TunnelType = TunnelType(u8(v))
		case destTunnelPort:
			s.TunnelPort = port(v)
		case destTunnelFlags:
			s.TunnelFlags = TunnelFlags(u16(v))
		}
	}
	if !wide {
		s.Stats = stats
	}
	if s.Method != Tunnel {
		s.TunnelType, s.TunnelPort, s.TunnelFlags = 0, 0, 0
	}
	s.Addr, err = parseAddr(f, addr)
	return s, err
}

// parseAddr reads an address from the room that the kernel has for either
// family.
func parseAddr(f Family, v []byte) (netip.Addr, error) {
	switch {
	case f == IPv4 && len(v) >= 4:
		return netip.AddrFrom4([4]byte(v)), nil
	case f == IPv6 && len(v) >= 16:
		return netip.AddrFrom16([16]byte(v)), nil
	}
	return netip.Addr{}, fmt.Errorf("%w: an address of family %d in %d bytes", errMalformed, f, len(v))
}

// parseStats reads counters of either width.
func parseStats(b []byte) (s Stats) {
	for kind, v := range attributes(b) {
		switch kind {
		case statsConns:
			s.Conns = number(v)
		case statsInPkts:
			s.InPkts = number(v)
		case statsOutPkts:
			s.OutPkts = number(v)
		case statsInBytes:
			s.InBytes = number(v)
		case statsOutBytes:
			s.OutBytes = number(v)
		case statsCPS:
			s.CPS = number(v)
		case statsInPPS:
			s.InPPS = number(v)
		case statsOutPPS:
			s.OutPPS = number(v)
		case statsInBPS:
			s.InBPS = number(v)
		case statsOutBPS:
			s.OutBPS = number(v)
		}
	}
	return s
}

// parseTimeouts reads the answer to cmdGetConfig.
func parseTimeouts(m message) (t Timeouts, err error) {
	b, err := payload(m)
	for kind, v := range attributes(b) {
		d := time.Duration(u32(v)) * time.Second
		switch kind {
		case attrTimeoutTCP:
			t.TCP = d
		case attrTimeoutFin:
			t.TCPFin = d
		case attrTimeoutUDP:
			t.UDP = d
		}
	}
	return t, err
}

// parseInfo reads the answer to cmdGetInfo.
func parseInfo(m message) (i Info, err error) {
	b, err := payload(m)
	for kind, v := range attributes(b) {
		switch kind {
		case infoVersion:
			n := u32(v)
			i.Version = strconv.Itoa(int(n>>16&0xff)) + "." + strconv.Itoa(int(n>>8&0xff)) + "." + strconv.Itoa(int(n&0xff))
		case infoTableSize:
			i.TableSize = u32(v)
		}
	}
	return i, err
}

// parseDaemon reads one synchronisation daemon.
func parseDaemon(m message) (d SyncDaemon, err error) {
	b, err := nested(m, attrDaemon)
	for kind, v := range attributes(b) {
		switch kind {
		case daemonState:
			d.Role = SyncRole(u32(v))
		case daemonInterface:
			d.Interface = word(v)
		case daemonSyncID:
			d.ID = uint8(u32(v))
		case daemonMaxLen:
			d.MaxLen = u16(v)
		case daemonGroup:
			if len(v) >= 4 {
				d.Group = netip.AddrFrom4([4]byte(v))
			}
		case daemonGroup6:
			if len(v) >= 16 {
				d.Group = netip.AddrFrom16([16]byte(v))
			}
		case daemonPort:
			d.Port = u16(v)
		case daemonTTL:
			d.TTL = u8(v)
		}
	}
	return d, err
}

// parseFamily reads the number of a family from the answer of the controller.
func parseFamily(m message) (id uint16, err error) {
	b, err := payload(m)
	for kind, v := range attributes(b) {
		if kind == unix.CTRL_ATTR_FAMILY_ID {
			id = u16(v)
		}
	}
	if err == nil && id < unix.NLMSG_MIN_TYPE {
		err = errMalformed
	}
	return id, err
}

// verdict reads an error message: nil is success.
func verdict(m message) error {
	if len(m.body) < 4 {
		return errMalformed
	}
	if no := int32(host.Uint32(m.body)); no != 0 {
		return unix.Errno(-no)
	}
	return nil
}
