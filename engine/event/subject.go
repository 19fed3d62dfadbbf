// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package event

import (
	"net/netip"
	"strconv"
	"strings"
)

// SubjectKind is what sort of thing an event is about.
type SubjectKind uint8

// The kinds of subject.
const (
	SubjectNone SubjectKind = iota
	SubjectInstance
	SubjectGroup
	SubjectInterface
	SubjectScript
	SubjectFile
	SubjectProcess
	SubjectBFD
	SubjectVirtualServer
	SubjectRealServer
	SubjectWorker
	SubjectConfig
	SubjectChannel
	SubjectRouter
)

var subjectWords = []string{
	"", "vrrp_instance", "vrrp_sync_group", "interface", "script", "file", "process", "bfd",
	"virtual_server", "real_server", "worker", "config", "channel", "router",
}

func (k SubjectKind) String() string { return wordOf(subjectWords, k) }

// MarshalText implements encoding.TextMarshaler.
func (k SubjectKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *SubjectKind) UnmarshalText(b []byte) (err error) {
	*k, err = word[SubjectKind](subjectWords, b, "subject kind")
	return err
}

// Subject is what an event is about. It is comparable and can be a map key.
type Subject struct {
	Kind SubjectKind `json:"kind"`
	// Name is the configured name: of the instance, group, interface, script,
	// role, channel, or the key of a virtual server.
	Name string `json:"name,omitempty"`
	// Sub is the second part of the name: a real server's key, an address.
	Sub string `json:"sub,omitempty"`
	// Family is 4 or 6 for an instance, else 0.
	Family uint8 `json:"family,omitempty"`
	// VRID is the virtual router id of an instance, 1 to 255, else 0.
	VRID uint8 `json:"vrid,omitempty"`
}

func (s Subject) String() string {
	out := s.Kind.String() + "/" + s.Name
	if s.Sub != "" {
		out += "/" + s.Sub
	}
	return out
}

// Protocol is the transport of a virtual server, by its IP protocol number.
type Protocol uint8

// The protocols; ProtocolNone is that of a firewall mark.
const (
	ProtocolNone Protocol = 0
	ProtocolTCP  Protocol = 6
	ProtocolUDP  Protocol = 17
	ProtocolSCTP Protocol = 132
)

// String returns the word of keys and of keepalived's messages.
func (p Protocol) String() string {
	switch p {
	case ProtocolTCP:
		return "tcp"
	case ProtocolUDP:
		return "udp"
	case ProtocolSCTP:
		return "sctp"
	case ProtocolNone:
		return "none"
	}
	return strconv.Itoa(int(p))
}

// MarshalText implements encoding.TextMarshaler.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Protocol) UnmarshalText(b []byte) error {
	for _, known := range []Protocol{ProtocolNone, ProtocolTCP, ProtocolUDP, ProtocolSCTP} {
		if known.String() == string(b) {
			*p = known
			return nil
		}
	}
	n, err := strconv.ParseUint(string(b), 10, 8)
	*p = Protocol(n)
	return err
}

// VirtualServer is what a virtual server is known by: a group, a firewall mark
// or an address. It is comparable.
type VirtualServer struct {
	Protocol Protocol       `json:"protocol,omitempty"`
	Addr     netip.AddrPort `json:"addr,omitzero"`
	Group    string         `json:"group,omitempty"`
	Mark     uint32         `json:"mark,omitempty"`
	// Family is 4 or 6; it is part of the name of a firewall mark only.
	Family uint8 `json:"family,omitempty"`
}

// Subject returns the subject of events about it. The names are
// tcp/10.0.0.1:80, udp/[2001:db8::1]:53, tcp/group:NAME, fwmark:5 and
// fwmark:5/inet6.
func (v *VirtualServer) Subject() Subject {
	return Subject{Kind: SubjectVirtualServer, Name: v.key()}
}

func (v *VirtualServer) key() string {
	switch {
	case v.Group != "":
		return v.Protocol.String() + "/group:" + v.Group
	case v.Addr.IsValid():
		return v.Protocol.String() + "/" + v.Addr.String()
	case v.Family == 6:
		return "fwmark:" + strconv.FormatUint(uint64(v.Mark), 10) + "/inet6"
	}
	return "fwmark:" + strconv.FormatUint(uint64(v.Mark), 10)
}

// ParseVirtualServer is the inverse of Subject: it reads the name of one.
func ParseVirtualServer(name string) (v VirtualServer, ok bool) {
	if mark, found := strings.CutPrefix(name, "fwmark:"); found {
		v.Family = 4
		if mark, found = strings.CutSuffix(mark, "/inet6"); found {
			v.Family = 6
		}
		n, err := strconv.ParseUint(mark, 10, 32)
		v.Mark = uint32(n)
		return v, err == nil
	}
	protocol, rest, _ := strings.Cut(name, "/")
	if v.Protocol.UnmarshalText([]byte(protocol)) != nil {
		return VirtualServer{}, false
	}
	if v.Group, ok = strings.CutPrefix(rest, "group:"); ok {
		return v, true
	}
	v.Group = ""
	var err error
	v.Addr, err = netip.ParseAddrPort(rest)
	return v, err == nil
}

// CompatName is how keepalived writes a virtual server in its log, its mails
// and its FIFO: [10.0.0.1]:tcp:80, [GROUP]:0, FWM 5.
func (v *VirtualServer) CompatName() string {
	switch {
	case v.Group != "":
		return "[" + v.Group + "]:" + strconv.Itoa(int(v.Addr.Port()))
	case v.Addr.IsValid():
		return compatName(v.Addr, v.Protocol)
	}
	return "FWM " + strconv.FormatUint(uint64(v.Mark), 10)
}

// sorryMark begins the Sub of a sorry server.
const sorryMark = "sorry/"

// ServerSubject returns the subject of events about a real server of the
// virtual server called service: 192.0.2.1:80, [2001:db8::5]:80, and
// sorry/192.0.2.9:80 for its sorry server.
func ServerSubject(service string, addr netip.AddrPort, sorry bool) Subject {
	s := Subject{Kind: SubjectRealServer, Name: service, Sub: addr.String()}
	if sorry {
		s.Sub = sorryMark + s.Sub
	}
	return s
}

// Sorry says whether the subject is a sorry server.
func (s Subject) Sorry() bool {
	return s.Kind == SubjectRealServer && strings.HasPrefix(s.Sub, sorryMark)
}

// CompatServerName is how keepalived writes a real server: [192.0.2.1]:tcp:80.
func CompatServerName(addr netip.AddrPort, p Protocol) string { return compatName(addr, p) }

func compatName(addr netip.AddrPort, p Protocol) string {
	return "[" + addr.Addr().String() + "]:" + p.String() + ":" + strconv.Itoa(int(addr.Port()))
}
