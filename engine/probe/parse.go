// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
)

// Rules of problems, the words that config uses.
const (
	ruleMissingValue = "missing_value"
	ruleMissingBlock = "missing_block"
	ruleBadNumber    = "bad_number"
	ruleOutOfRange   = "out_of_range"
	ruleBadBoolean   = "bad_boolean"
	ruleBadWord      = "bad_word"
	ruleBadAddress   = "bad_address"
	ruleFamily       = "address_family"
	ruleIncompatible = "incompatible"
	ruleNoEffect     = "no_effect"
	ruleDuplicate    = "duplicate_keyword"
)

// parser reads one block and collects what is wrong with it.
type parser struct {
	node     *syntax.Node
	defaults Defaults
	found    []syntax.Problem
	useless  bool
}

func (p *parser) report(at syntax.Pos, level syntax.Level, class syntax.Class, rule, message, hint string) {
	p.found = append(p.found, syntax.Problem{Pos: at, Level: level, Class: class, Rule: rule, Message: message, Hint: hint})
}

// err reports what makes a test fail.
func (p *parser) err(at syntax.Pos, rule, message, hint string) {
	p.report(at, syntax.Error, syntax.Faulty, rule, message, hint)
}

// warn reports what is used all the same.
func (p *parser) warn(at syntax.Pos, rule, message, hint string) {
	p.report(at, syntax.Warning, syntax.Faulty, rule, message, hint)
}

// note reports what is worth a word.
func (p *parser) note(at syntax.Pos, rule, message, hint string) {
	p.report(at, syntax.Note, syntax.Harmless, rule, message, hint)
}

// drop gives the checker up.
func (p *parser) drop(at syntax.Pos, rule, message, hint string) {
	p.err(at, rule, message, hint)
	p.useless = true
}

// quote shows a word in a message, shortened.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "..."
	}
	return "'" + s + "'"
}

// value gives the first word of a statement.
func (p *parser) value(n *syntax.Node) (string, bool) {
	if len(n.Args) == 0 {
		p.err(n.Pos, ruleMissingValue, "'"+n.Keyword+"' lacks its value; it is ignored", "")
		return "", false
	}
	return n.Args[0].Text, true
}

// number reads a whole number from lo to hi. compat: at run time what can be read of a bad one is used.
func (p *parser) number(word string, at syntax.Pos, lo, hi int64) (int64, bool) {
	v, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		end := 0
		for end < len(word) && (word[end] >= '0' && word[end] <= '9' || end == 0 && word[end] == '-') {
			end++
		}
		part, perr := strconv.ParseInt(word[:end], 10, 64)
		if p.defaults.Test || perr != nil || end == len(word) {
			p.err(at, ruleBadNumber, quote(word)+" is not a whole number; it is ignored", "")
			return 0, false
		}
		p.warn(at, ruleBadNumber, quote(word)+" is not a whole number; "+word[:end]+" is used", "")
		v = part
	}
	if v < lo || v > hi {
		p.err(at, ruleOutOfRange, quote(word)+" is not from "+strconv.FormatInt(lo, 10)+" to "+strconv.FormatInt(hi, 10)+"; it is ignored", "")
		return 0, false
	}
	return v, true
}

// integer reads the number of a statement.
func (p *parser) integer(n *syntax.Node, lo, hi int64) (int64, bool) {
	word, ok := p.value(n)
	if !ok {
		return 0, false
	}
	return p.number(word, n.ArgPos(0), lo, hi)
}

// seconds reads a time with up to six decimals, from lo to hi.
func (p *parser) seconds(n *syntax.Node, lo, hi time.Duration) (time.Duration, bool) {
	word, ok := p.value(n)
	if !ok {
		return 0, false
	}
	good := word != "" && strings.Trim(word, "0123456789.") == "" && strings.Count(word, ".") <= 1 && len(word) < 18
	_, fraction, _ := strings.Cut(word, ".")
	v, err := strconv.ParseFloat(word, 64)
	if !good || err != nil || len(fraction) > 6 {
		p.err(n.ArgPos(0), ruleBadNumber, quote(word)+" is not a time in seconds; it is ignored", "")
		return 0, false
	}
	d := time.Duration(math.Round(min(v, 1e9)*1e6)) * time.Microsecond
	if d < lo || d > hi {
		p.err(n.ArgPos(0), ruleOutOfRange, quote(word)+" is not from "+short(lo)+" to "+short(hi)+" seconds; it is ignored", "")
		return 0, false
	}
	return d, true
}

func short(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

// boolean reads [true|on|yes|false|off|no]; nothing means true.
func (p *parser) boolean(n *syntax.Node) (v, ok bool) {
	switch n.Arg(0) {
	case "true", "on", "yes":
		return true, true
	case "false", "off", "no":
		return false, true
	case "":
		if len(n.Args) == 0 {
			return true, true
		}
	}
	p.err(n.ArgPos(0), ruleBadBoolean, quote(n.Arg(0))+" is neither yes nor no; '"+n.Keyword+"' is ignored", "true, on, yes, false, off or no")
	return false, false
}

// address reads an IP address.
func (p *parser) address(n *syntax.Node) (netip.Addr, bool) {
	word, ok := p.value(n)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(word)
	if err != nil || a.Zone() != "" {
		p.err(n.ArgPos(0), ruleBadAddress, quote(word)+" is not an IP address; it is ignored", "")
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// unescaped gives the first word with its backslash escapes resolved.
func (p *parser) unescaped(n *syntax.Node) (string, bool) {
	word, ok := p.value(n)
	if !ok {
		return "", false
	}
	text, err := syntax.Unescape(word)
	if err != nil {
		p.err(n.ArgPos(0), ruleBadWord, quote(word)+": "+err.Error()+"; it is ignored", "")
		return "", false
	}
	return text, true
}

// longest is the greatest connect_timeout (compat: what 32 bits of microseconds hold).
const longest = 4294 * time.Second

// connection reads what every checker that connects has.
func (p *parser) connection(c *Check) {
	c.Target.To, c.Timeout = p.defaults.Server, p.defaults.Timeout
	var bindTo netip.Addr
	var at, bindAt syntax.Pos
	for _, n := range p.node.Children {
		switch n.Keyword {
		case "connect_ip":
			if a, ok := p.address(n); ok {
				c.Target.To, at = netip.AddrPortFrom(a, c.Target.To.Port()), n.ArgPos(0)
			}
		case "connect_port":
			if v, ok := p.integer(n, 1, 65535); ok {
				c.Target.To = netip.AddrPortFrom(c.Target.To.Addr(), uint16(v))
			}
		case "bindto":
			if a, ok := p.address(n); ok {
				bindTo, bindAt = a, n.ArgPos(0)
			}
		case "bind_port":
			if v, ok := p.integer(n, 1, 65535); ok {
				c.Target.From = netip.AddrPortFrom(c.Target.From.Addr(), uint16(v))
			}
		case "bind_if":
			if word, ok := p.value(n); ok {
				if len(word) > 15 {
					p.err(n.ArgPos(0), ruleOutOfRange, quote(word)+" is longer than the name of an interface may be; it is ignored", "")
					continue
				}
				c.Target.Interface = word
			}
		case "connect_timeout":
			if d, ok := p.seconds(n, time.Microsecond, longest); ok {
				c.Timeout = d
			}
		case "fwmark":
			if v, ok := p.integer(n, 0, math.MaxUint32); ok {
				c.Target.Mark = uint32(v)
			}
		}
	}
	p.ends(c, bindTo, at, bindAt)
}

// ends checks that both ends of a connection go together.
func (p *parser) ends(c *Check, bindTo netip.Addr, at, bindAt syntax.Pos) {
	to := c.Target.To.Addr()
	if bindTo.IsValid() {
		if to.IsValid() && bindTo.Is4() != to.Is4() {
			if at.Line == 0 {
				at = bindAt
			}
			p.err(at, ruleFamily, "bindto "+bindTo.String()+" and the address "+to.String()+" are of different families; bindto is ignored", "")
		} else {
			c.Target.From = netip.AddrPortFrom(bindTo, c.Target.From.Port())
		}
	}
	if c.Target.Interface == "" && (to.IsLinkLocalUnicast() && to.Is6() || bindTo.IsLinkLocalUnicast() && bindTo.Is6()) {
		p.err(p.node.Pos, ruleMissingValue, "a link-local address needs 'bind_if'", "bind_if INTERFACE")
	}
}
