// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
)

// plan is the settings as the transcript describes them: lines that are read
// anew for each reload, so that no two configurations share memory.
type plan struct {
	global   []string
	services []serviceLine
	// current is the virtual server that servers belong to now.
	current string
}

type serviceLine struct {
	key     string
	words   []string
	servers []serverLine
}

type serverLine struct {
	name  string
	words []string
}

// describe notes a command that describes settings; ok is false for others.
func (p *plan) describe(words []string) (ok bool, err error) {
	switch words[0] {
	case "global":
		p.global = words[1:]
	case "service":
		p.current = words[1]
		if at := p.find(words[1]); at >= 0 {
			p.services[at].words = words[2:]
		} else {
			p.services = append(p.services, serviceLine{key: words[1], words: words[2:]})
		}
	case "server":
		at := p.find(p.current)
		if at < 0 {
			return true, fmt.Errorf("no service yet")
		}
		s := &p.services[at]
		i := slices.IndexFunc(s.servers, func(l serverLine) bool { return l.name == words[1] })
		if i < 0 {
			s.servers = append(s.servers, serverLine{words[1], words[2:]})
		} else {
			s.servers[i].words = words[2:]
		}
	case "remove":
		p.services = slices.DeleteFunc(p.services, func(l serviceLine) bool { return l.key == words[1] })
		if at := p.find(p.current); at >= 0 {
			s := &p.services[at]
			s.servers = slices.DeleteFunc(s.servers, func(l serverLine) bool { return l.name == words[1] })
		}
	default:
		return false, nil
	}
	return true, nil
}

func (p *plan) find(key string) int {
	return slices.IndexFunc(p.services, func(l serviceLine) bool { return l.key == key })
}

// settings makes new settings.
func (p *plan) settings() (*health.Settings, error) {
	set := &health.Settings{}
	if err := each(p.global, func(key, value string) error { return global(set, key, value) }); err != nil {
		return nil, err
	}
	for _, l := range p.services {
		s, err := l.settings()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.key, err)
		}
		set.Services = append(set.Services, *s)
	}
	return set, nil
}

// each calls do with the key and value of each word.
func each(words []string, do func(key, value string) error) error {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		if err := do(key, value); err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
	}
	return nil
}

func global(set *health.Settings, key, value string) (err error) {
	n := 0
	switch key {
	case "poll":
		set.Poll, err = time.ParseDuration(value)
	case "sync":
		name, instance, _ := strings.Cut(value, "/")
		set.Sync = &health.SyncSettings{Interface: name, Instance: instance}
	case "flush":
		set.Flush = true
	case "flush_on_stop":
		set.FlushOnStop = health.FlushAll
	case "share":
		set.ShareProbes = true
	case "sample":
		n, err = strconv.Atoi(value)
		set.SampleEvery = uint32(n)
	case "burst":
		n, err = strconv.Atoi(value)
		set.KeepBurst, set.KeepPerSecond = uint32(n), 1
	default:
		err = fmt.Errorf("no such key")
	}
	return err
}

// identity reads tcp/10.0.0.1:80, tcp/group:G and fwmark:5.
func identity(key string) (v event.VirtualServer, err error) {
	if mark, ok := strings.CutPrefix(key, "fwmark:"); ok {
		n, err := strconv.ParseUint(mark, 10, 32)
		return event.VirtualServer{Mark: uint32(n), Family: 4}, err
	}
	proto, rest, _ := strings.Cut(key, "/")
	if err := v.Protocol.UnmarshalText([]byte(proto)); err != nil {
		return v, err
	}
	if group, ok := strings.CutPrefix(rest, "group:"); ok {
		v.Group = group
		return v, nil
	}
	v.Addr, err = netip.ParseAddrPort(rest)
	return v, err
}

func (l *serviceLine) settings() (*health.ServiceSettings, error) {
	v, err := identity(l.key)
	if err != nil {
		return nil, err
	}
	s := &health.ServiceSettings{VirtualServer: v, Scheduler: "wlc", Quorum: 1}
	switch {
	case v.Addr.IsValid():
		s.Entries = []event.ServiceEntry{{Family: familyOf(v.Addr.Addr()), First: v.Addr.Addr(), Last: v.Addr.Addr(), Port: v.Addr.Port()}}
	case v.Group == "":
		s.Entries = []event.ServiceEntry{{Family: 4, Mark: v.Mark}}
	}
	if err := each(l.words, func(key, value string) error { return serviceKey(s, key, value) }); err != nil {
		return nil, err
	}
	for _, r := range l.servers {
		x, err := r.settings(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		s.Servers = append(s.Servers, *x)
	}
	return s, nil
}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return 4
	}
	return 6
}

func serviceKey(s *health.ServiceSettings, key, value string) (err error) {
	switch key {
	case "quorum":
		s.Quorum, err = strconv.ParseInt(value, 10, 64)
	case "hysteresis":
		s.Hysteresis, err = strconv.ParseInt(value, 10, 64)
	case "sorry":
		s.Sorry = &health.SorrySettings{Method: s.Method}
		s.Sorry.Addr, err = netip.ParseAddrPort(value)
	case "sorry_inhibit":
		s.Sorry.Inhibit = true
	case "sorry_method":
		s.Sorry.Method, err = method(value)
	case "alpha":
		s.Alpha = true
	case "omega":
		s.Omega = true
	case "ha_suspend":
		s.HASuspend = true
	case "sched":
		s.Scheduler = value
	case "ops":
		s.Flags |= health.FlagOnePacket
	case "persistence":
		s.Persistence, err = time.ParseDuration(value)
	case "method":
		s.Method, err = method(value)
	case "brake":
		percent, window, _ := strings.Cut(value, "/")
		n := 0
		n, err = strconv.Atoi(percent)
		s.Brake.Percent = uint8(n)
		if window != "" {
			s.Brake.Window, err = time.ParseDuration(window)
		}
	case "entries":
		for x := range strings.SplitSeq(value, "+") {
			var e event.ServiceEntry
			if e, err = entry(x); err != nil {
				return err
			}
			s.Entries = append(s.Entries, e)
		}
	default:
		err = fmt.Errorf("no such key")
	}
	return err
}

func method(value string) (m event.Method, err error) {
	err = m.Forward.UnmarshalText([]byte(value))
	return m, err
}

// entry reads 10.0.0.1-10.0.0.3:80 and fwmark:7.
func entry(text string) (e event.ServiceEntry, err error) {
	if mark, ok := strings.CutPrefix(text, "fwmark:"); ok {
		n, err := strconv.ParseUint(mark, 10, 32)
		return event.ServiceEntry{Family: 4, Mark: uint32(n)}, err
	}
	first, rest, isRange := strings.Cut(text, "-")
	if !isRange {
		rest = first
	}
	last, err := netip.ParseAddrPort(rest)
	if err != nil {
		return e, err
	}
	e = event.ServiceEntry{Family: familyOf(last.Addr()), First: last.Addr(), Last: last.Addr(), Port: last.Port()}
	if isRange {
		e.First, err = netip.ParseAddr(first)
	}
	return e, err
}

// address is that of a server called r1, or of one that is called by it.
func address(name string) (netip.AddrPort, error) {
	if n, err := strconv.Atoi(strings.TrimPrefix(name, "r")); err == nil && n > 0 && n < 250 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 80), nil
	}
	return netip.ParseAddrPort(name)
}

func (l *serverLine) settings(s *health.ServiceSettings) (*health.ServerSettings, error) {
	a, err := address(l.name)
	if err != nil {
		return nil, err
	}
	x := &health.ServerSettings{Addr: a, Weight: 1, Method: s.Method}
	c := health.CheckSettings{Delay: 10 * time.Second, RetryDelay: time.Second, Timeout: 5 * time.Second, Retry: 1, Alpha: s.Alpha, Target: a}
	kinds := "tcp"
	err = each(l.words, func(key, value string) error {
		if key == "check" {
			kinds = value
			return nil
		}
		return serverKey(x, &c, key, value)
	})
	for kind := range strings.SplitSeq(kinds, "+") {
		if kind == "none" || err != nil {
			break
		}
		one := c
		err = checkKind(&one, kind)
		x.Checks = append(x.Checks, one)
	}
	return x, err
}

func serverKey(x *health.ServerSettings, c *health.CheckSettings, key, value string) (err error) {
	n := int64(0)
	switch key {
	case "weight":
		n, err = strconv.ParseInt(value, 10, 32)
		x.Weight = int32(n)
	case "inhibit":
		x.InhibitOnFailure = true
	case "method":
		x.Method, err = method(value)
	case "upper":
		n, err = strconv.ParseInt(value, 10, 32)
		x.Upper = uint32(n)
	case "retry":
		n, err = strconv.ParseInt(value, 10, 32)
		c.Retry = uint32(n)
	case "rise":
		n, err = strconv.ParseInt(value, 10, 32)
		c.Rise = uint32(n)
	case "delay":
		c.Delay, err = time.ParseDuration(value)
	case "wait":
		c.RetryDelay, err = time.ParseDuration(value)
	case "warmup":
		c.Warmup, err = time.ParseDuration(value)
	case "target":
		c.Target, err = netip.ParseAddrPort(value)
	case "alpha":
		c.Alpha = true
	case "log_all":
		c.LogAll = true
	case "dynamic":
		c.Dynamic = true
	default:
		err = fmt.Errorf("no such key")
	}
	return err
}

// kindWords are the short words of the checks that are probed.
var kindWords = map[string]event.Checker{
	"tcp": event.CheckerTCP, "http": event.CheckerHTTP, "ssl": event.CheckerSSL, "smtp": event.CheckerSMTP, "dns": event.CheckerDNS,
	"udp": event.CheckerUDP, "ping": event.CheckerPing, "misc": event.CheckerMisc, "expect": event.CheckerExpect,
}

// checkKind reads tcp, file:f, file:f*2, file:f*-1 and bfd:s.
func checkKind(c *health.CheckSettings, text string) (err error) {
	kind, name, _ := strings.Cut(text, ":")
	switch kind {
	case "bfd":
		c.Kind, c.Object, c.Target = event.CheckerBFD, name, netip.AddrPort{}
		return nil
	case "file":
		c.Kind, c.Target = event.CheckerFile, netip.AddrPort{}
		name, times, weighted := strings.Cut(name, "*")
		c.Object = name
		if weighted {
			n := int64(0)
			n, err = strconv.ParseInt(times, 10, 32)
			c.Multiplier = int32(n)
		}
		return err
	}
	c.Kind = kindWords[kind]
	if c.Kind == event.CheckerNone {
		return fmt.Errorf("no check is called %q", text)
	}
	if c.Kind == event.CheckerMisc {
		c.Target = netip.AddrPort{}
	}
	c.Spec = fmt.Sprintf("%s %s %s", kind, name, c.Target)
	return nil
}
