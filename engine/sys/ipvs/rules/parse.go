// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/engine/sys/ipvs"
)

// Verb is what a rule does.
type Verb uint8

// The verbs, with their options.
const (
	AddService    Verb = iota // -A
	EditService               // -E
	DeleteService             // -D
	Clear                     // -C
	AddServer                 // -a
	EditServer                // -e
	DeleteServer              // -d
)

// Rule is one line.
type Rule struct {
	Line    int
	Verb    Verb
	Service ipvs.Service
	Server  ipvs.Destination
}

// Names resolve what is not a number. Either may be nil: then names are errors.
type Names struct {
	// Port is the port of a service such as http, for tcp, udp or sctp.
	Port func(protocol, name string) (uint16, error)
	// Host is the address of a host.
	Host func(name string) (netip.Addr, error)
}

// Error is a line that is wrong.
type Error struct {
	Line int
	What string
}

// Error is the line and what is wrong with it.
func (e *Error) Error() string { return "line " + strconv.Itoa(e.Line) + ": " + e.What }

// ipvsadm's defaults.
const (
	scheduler   = "wlc"
	persistence = 360 * time.Second
	most        = 1 << 16 // lines with errors that are told
)

// Parse reads a text line by line: the options of ipvsadm, with or without the
// word ipvsadm in front. Empty lines and those that begin with # are nothing.
// Every line that is wrong has an error.
func Parse(text string, names Names) (out []Rule, errs []Error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		words, err := split(line)
		if err == nil && len(words) > 0 && words[0] == "ipvsadm" {
			words = words[1:]
		}
		if err == nil && len(words) == 0 {
			continue
		}
		p := &parser{names: names, words: words}
		if err == nil {
			err = p.rule()
		}
		if err != nil {
			if len(errs) < most {
				errs = append(errs, Error{n, err.Error()})
			}
			continue
		}
		p.out.Line = n
		out = append(out, p.out)
	}
	return out, errs
}

// split makes words of a line, as a shell without expansion does.
func split(line string) (words []string, err error) {
	var word []byte
	in, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			in, word = true, append(word, line[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word = append(word, c)
		case c == '"' || c == '\'':
			quote, in = c, true
		case c == '#' && !in:
			return words, nil
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if in {
				words, word, in = append(words, string(word)), nil, false
			}
		default:
			in, word = true, append(word, c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("%c is not closed", quote)
	}
	if in {
		words = append(words, string(word))
	}
	return words, nil
}

// parser reads one line.
type parser struct {
	names Names
	words []string
	out   Rule
	seen  map[string]bool
	// What can be understood only when all has been read.
	at, to string
	letter string
	mask   string
	flags  string
	six    bool
	weight bool
}

// takes is whether an option has an argument.
type takes uint8

const (
	nothing takes = iota
	value
	maybe // if the next word is no option
)

type option struct {
	short byte
	long  string
	arg   takes
	set   func(p *parser, v string) error
}

func verb(v Verb) func(*parser, string) error {
	return func(p *parser, _ string) error { p.out.Verb = v; return nil }
}

func way(m ipvs.Method) func(*parser, string) error {
	return func(p *parser, _ string) error { p.out.Server.Method = m; return nil }
}

// group is what only one option of a line may set, by long name of the option.
var group = map[string]string{
	"add-service": "command", "edit-service": "command", "delete-service": "command", "clear": "command",
	"add-server": "command", "edit-server": "command", "delete-server": "command",
	"tcp-service": "service", "udp-service": "service", "sctp-service": "service", "fwmark-service": "service",
	"gatewaying": "forwarding method", "ipip": "forwarding method", "masquerading": "forwarding method",
}

func service(letter string) func(*parser, string) error {
	return func(p *parser, v string) error { p.letter, p.at = letter, v; return nil }
}

// table lists the options that a rule may have.
var table = []option{
	{'A', "add-service", nothing, verb(AddService)},
	{'E', "edit-service", nothing, verb(EditService)},
	{'D', "delete-service", nothing, verb(DeleteService)},
	{'C', "clear", nothing, verb(Clear)},
	{'a', "add-server", nothing, verb(AddServer)},
	{'e', "edit-server", nothing, verb(EditServer)},
	{'d', "delete-server", nothing, verb(DeleteServer)},
	{'t', "tcp-service", value, service("tcp")},
	{'u', "udp-service", value, service("udp")},
	{0, "sctp-service", value, service("sctp")},
	{'f', "fwmark-service", value, service("mark")},
	{'6', "ipv6", nothing, func(p *parser, _ string) error { p.six = true; return nil }},
	{'s', "scheduler", value, func(p *parser, v string) error { p.out.Service.Scheduler = v; return nil }},
	{'p', "persistent", maybe, setPersistent},
	{'M', "netmask", value, func(p *parser, v string) error { p.mask = v; return nil }},
	{0, "pe", value, func(p *parser, v string) error { p.out.Service.Engine = v; return nil }},
	{'o', "ops", nothing, func(p *parser, _ string) error { p.out.Service.Flags |= ipvs.OnePacket; return nil }},
	{'b', "sched-flags", value, func(p *parser, v string) error { p.flags = v; return nil }},
	{'r', "real-server", value, func(p *parser, v string) error { p.to = v; return nil }},
	{'g', "gatewaying", nothing, way(ipvs.Direct)},
	{'i', "ipip", nothing, way(ipvs.Tunnel)},
	{'m', "masquerading", nothing, way(ipvs.NAT)},
	{'w', "weight", value, func(p *parser, v string) error {
		p.weight = true
		return number(&p.out.Server.Weight, "weight", v, 1<<31-1)
	}},
	{'x', "u-threshold", value, func(p *parser, v string) error {
		return number(&p.out.Server.Upper, "u-threshold", v, 1<<32-1)
	}},
	{'y', "l-threshold", value, func(p *parser, v string) error {
		return number(&p.out.Server.Lower, "l-threshold", v, 1<<32-1)
	}},
	{0, "tun-type", value, setTunnel},
	{0, "tun-port", value, func(p *parser, v string) error {
		var n uint32
		err := number(&n, "tun-port", v, 1<<16-1)
		p.out.Server.TunnelPort = uint16(n)
		return err
	}},
	{0, "tun-nocsum", nothing, func(p *parser, _ string) error { p.out.Server.TunnelFlags = 0; return nil }},
	{0, "tun-csum", nothing, func(p *parser, _ string) error { p.out.Server.TunnelFlags = ipvs.Checksum; return nil }},
	{0, "tun-remcsum", nothing, func(p *parser, _ string) error { p.out.Server.TunnelFlags = ipvs.RemoteChecksum; return nil }},
	{'n', "numeric", nothing, func(*parser, string) error { return nil }},
}

func number(into *uint32, what, v string, top uint64) error {
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n > top {
		return fmt.Errorf("%s %q is not a number from 0 to %d", what, v, top)
	}
	*into = uint32(n)
	return nil
}

func setPersistent(p *parser, v string) error {
	p.out.Service.Timeout = persistence
	if v == "" {
		return nil
	}
	var n uint32
	if err := number(&n, "timeout", v, 31*24*3600); err != nil || n == 0 {
		return fmt.Errorf("timeout %q is not a number of seconds from 1 to 2678400", v)
	}
	p.out.Service.Timeout = time.Duration(n) * time.Second
	return nil
}

func setTunnel(p *parser, v string) error {
	for _, t := range []ipvs.TunnelType{ipvs.IPIP, ipvs.GUE, ipvs.GRE} {
		if t.String() == v {
			p.out.Server.TunnelType = t
			return nil
		}
	}
	return fmt.Errorf("tun-type %q is not ipip, gue or gre", v)
}

// rule reads the words of one line.
func (p *parser) rule() error {
	p.seen = map[string]bool{}
	for len(p.words) > 0 {
		w := p.words[0]
		p.words = p.words[1:]
		var err error
		switch {
		case strings.HasPrefix(w, "--") && len(w) > 2:
			err = p.long(w[2:])
		case strings.HasPrefix(w, "-") && len(w) > 1:
			err = p.shorts(w[1:])
		default:
			err = fmt.Errorf("%q is no option of ipvsadm", w)
		}
		if err != nil {
			return err
		}
	}
	if !p.seen["command"] {
		return fmt.Errorf("it has none of -A, -E, -D, -C, -a, -e, -d")
	}
	return p.finish()
}

func (p *parser) long(text string) error {
	name, v, attached := strings.Cut(text, "=")
	i := slices.IndexFunc(table, func(o option) bool { return o.long == name })
	if i < 0 {
		return fmt.Errorf("--%s cannot be restored", name)
	}
	return p.take(&table[i], v, attached)
}

func (p *parser) shorts(text string) error {
	for text != "" {
		c := text[0]
		text = text[1:]
		i := slices.IndexFunc(table, func(o option) bool { return o.short == c })
		if i < 0 {
			return fmt.Errorf("-%c cannot be restored", c)
		}
		v, attached := "", false
		if table[i].arg != nothing && text != "" {
			v, text, attached = strings.TrimPrefix(text, "="), "", true
		}
		if err := p.take(&table[i], v, attached); err != nil {
			return err
		}
	}
	return nil
}

// take gives an option its argument.
func (p *parser) take(o *option, v string, attached bool) error {
	name := group[o.long]
	if name == "" {
		name = o.long
	}
	if p.seen[name] {
		return fmt.Errorf("it has more than one %s", name)
	}
	p.seen[name] = true
	switch {
	case o.arg == nothing && attached:
		return fmt.Errorf("--%s takes no value", o.long)
	case o.arg == value && !attached:
		if len(p.words) == 0 {
			return fmt.Errorf("--%s has no value", o.long)
		}
		v, p.words = p.words[0], p.words[1:]
	case o.arg == maybe && !attached && len(p.words) > 0 && !strings.HasPrefix(p.words[0], "-"):
		v, p.words = p.words[0], p.words[1:]
	}
	return o.set(p, v)
}
