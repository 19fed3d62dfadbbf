// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"math"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
)

const second = time.Second

// value gives the word a keyword must have. compat: keepalived ends when it is missing, but for some keywords, which it
// passes over.
func (b *builder) value(k *Keyword, n *syntax.Node) (string, bool) {
	if len(n.Args) == 0 {
		if k.Name == "script" || k.Name == "smtp_helo_name" {
			b.note(n.Pos, RuleMissingValue, "'"+n.Keyword+"' lacks its value; it is ignored", n.Keyword+" "+k.Form)
			return "", false
		}
		if k.lax {
			b.err(n.Pos, RuleMissingValue, "'"+n.Keyword+"' lacks its value; it is ignored", n.Keyword+" "+k.Form)
			return "", false
		}
		b.fatal(n.Pos, RuleMissingValue, "'"+n.Keyword+"' lacks its value", n.Keyword+" "+k.Form)
		return "", false
	}
	b.extra(n, 1)
	return n.Args[0].Text, true
}

// integer reads a whole number from lo to hi. compat: at run time what can be read of a bad number is used.
func (b *builder) integer(word string, at syntax.Pos, lo, hi int64) (int64, bool) {
	v, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		digits := word
		for i := range len(word) {
			if (word[i] < '0' || word[i] > '9') && (i > 0 || word[i] != '-') {
				digits = word[:i]
				break
			}
		}
		part, perr := strconv.ParseInt(digits, 10, 64)
		if b.e.Test || perr != nil || digits == word {
			b.err(at, RuleBadNumber, "'"+clip(word)+"' is not a whole number; it is ignored", "")
			return 0, false
		}
		b.warn(at, RuleBadNumber, "'"+clip(word)+"' is not a whole number; "+digits+" is used", "")
		v = part
	}
	if v < lo || v > hi {
		b.err(at, RuleOutOfRange, "'"+clip(word)+"' is not from "+strconv.FormatInt(lo, 10)+" to "+strconv.FormatInt(hi, 10)+"; it is ignored", "")
		return 0, false
	}
	return v, true
}

// seconds reads a time in seconds with up to six decimals, from lo to hi.
func (b *builder) seconds(word string, at syntax.Pos, lo, hi time.Duration) (time.Duration, bool) {
	text := word
	d, ok := parseSeconds(text)
	if !ok {
		end := 0
		for end < len(text) && (text[end] == '.' || (text[end] >= '0' && text[end] <= '9')) {
			end++
		}
		d, ok = parseSeconds(text[:end])
		if !ok || b.e.Test {
			b.err(at, RuleBadNumber, "'"+clip(word)+"' is not a time in seconds; it is ignored", "")
			return 0, false
		}
		b.warn(at, RuleBadNumber, "'"+clip(word)+"' is not a time in seconds; "+text[:end]+" is used", "")
	}
	if d < lo || d > hi {
		b.err(at, RuleOutOfRange, "'"+clip(word)+"' is not from "+formatSeconds(lo)+" to "+formatSeconds(hi)+" seconds; it is ignored", "")
		return 0, false
	}
	return d, true
}

// parseSeconds reads digits with up to six decimals. compat: a plus sign may stand before them.
func parseSeconds(s string) (time.Duration, bool) {
	s = strings.TrimPrefix(s, "+")
	whole, fraction, _ := strings.Cut(s, ".")
	if whole == "" && fraction == "" || len(whole) > 10 || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	var n int64
	if whole != "" {
		n, _ = strconv.ParseInt(whole, 10, 64)
	}
	for i := range 6 {
		n *= 10
		if i < len(fraction) {
			n += int64(fraction[i] - '0')
		}
	}
	if n > math.MaxInt64/1000 {
		return 0, false
	}
	return time.Duration(n) * time.Microsecond, len(fraction) <= 6
}

// formatSeconds writes a time as parseSeconds reads it.
func formatSeconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// boolean reads [true|on|yes|false|off|no]; nothing is true.
func (b *builder) boolean(n *syntax.Node) (v, ok bool) {
	if len(n.Args) == 0 {
		return true, true
	}
	b.extra(n, 1)
	switch n.Args[0].Text {
	case "true", "on", "yes":
		return true, true
	case "false", "off", "no":
		return false, true
	}
	b.err(n.ArgPos(0), RuleBadBoolean, "'"+clip(n.Args[0].Text)+"' is neither yes nor no; '"+n.Keyword+"' is ignored", "true, on, yes, false, off or no")
	return false, false
}

func onOff(v bool) string {
	if v {
		return "on"
	}
	return "off"
}

// address reads an IP address without a prefix.
func (b *builder) address(word string, at syntax.Pos) (netip.Addr, bool) {
	a, err := netip.ParseAddr(word)
	if err != nil || a.Zone() != "" {
		b.err(at, RuleBadAddress, "'"+clip(word)+"' is not an IP address", "")
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// prefix reads ADDR[/LEN]; without LEN it is one address.
func (b *builder) prefix(word string, at syntax.Pos) (netip.Prefix, bool) {
	text, length, given := strings.Cut(word, "/")
	a, ok := b.address(text, at)
	if !ok {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if given {
		n, err := strconv.ParseUint(length, 10, 8)
		if length == "" { // compat
			b.note(at, RuleBadAddress, "there is no prefix length after the '/'; "+strconv.Itoa(bits)+" is used", "")
		} else if err != nil || int(n) > bits {
			b.err(at, RuleBadAddress, "'/"+clip(length)+"' is not a prefix length; "+strconv.Itoa(bits)+" is used", "")
		} else {
			bits = int(n)
		}
	}
	return netip.PrefixFrom(a, bits), true
}

func family(a netip.Addr) uint8 {
	if a.Is4() {
		return 4
	}
	return 6
}

// formatPrefix leaves the length of a single address out.
func formatPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// The readers of simple keywords. Each is made for one field.

// mark takes no value and sets the field.
func mark(field func(*builder) *bool) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.extra(n, 0)
		*field(b) = true
		return same(k, n)
	}
}

// truth takes a boolean.
func truth(set func(*builder, bool)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		v, ok := b.boolean(n)
		if !ok {
			return nil
		}
		set(b, v)
		return same(k, n, onOff(v))
	}
}

// number takes a whole number from lo to hi.
func number(lo, hi int64, set func(*builder, int64)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		word, ok := b.value(k, n)
		if !ok {
			return nil
		}
		v, ok := b.integer(word, n.ArgPos(0), lo, hi)
		if !ok {
			return nil
		}
		set(b, v)
		return same(k, n, strconv.FormatInt(v, 10))
	}
}

// atLeastOne takes a count. compat: 0 becomes 1, with a warning.
func atLeastOne(set func(*builder, int64)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		word, ok := b.value(k, n)
		if !ok {
			return nil
		}
		v, ok := b.integer(word, n.ArgPos(0), 0, math.MaxInt32)
		if !ok {
			return nil
		}
		if v == 0 {
			b.warn(n.ArgPos(0), RuleOutOfRange, "'"+n.Keyword+"' must be at least 1; 1 is used", "")
			v = 1
		}
		set(b, v)
		return same(k, n, strconv.FormatInt(v, 10))
	}
}

// duration takes seconds from lo to hi.
func duration(lo, hi time.Duration, set func(*builder, opt[time.Duration])) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		word, ok := b.value(k, n)
		if !ok {
			return nil
		}
		v, ok := b.seconds(word, n.ArgPos(0), lo, hi)
		if !ok {
			return nil
		}
		set(b, opt[time.Duration]{v, true, n.Pos})
		return same(k, n, formatSeconds(v))
	}
}

// text takes one word.
func text(set func(*builder, string)) reader { return limited(math.MaxInt32, set) }

// first takes one word. compat: the first one counts.
func first(field func(*builder) *string, also func(*builder)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		if *field(b) != "" {
			b.warn(n.Pos, RuleDuplicateKeyword, "there is a '"+n.Keyword+"' already; this one is ignored", "")
			return nil
		}
		return text(func(b *builder, s string) {
			*field(b) = s
			also(b)
		})(b, k, n)
	}
}

// limited takes one word of at most so many bytes.
func limited(most int, set func(*builder, string)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		word, ok := b.value(k, n)
		if !ok {
			return nil
		}
		if len(word) > most {
			b.err(n.ArgPos(0), RuleOutOfRange, "'"+clip(word)+"' is longer than "+strconv.Itoa(most)+" bytes; it is ignored", "")
			return nil
		}
		set(b, word)
		return same(k, n, word)
	}
}

// optional takes one word or none.
func optional(set func(*builder, string)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.extra(n, 1)
		set(b, n.Arg(0))
		if len(n.Args) == 0 {
			return same(k, n)
		}
		return same(k, n, n.Args[0].Text)
	}
}

// oneOf takes one of these words.
func oneOf(words []string, set func(*builder, string)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		word, ok := b.value(k, n)
		if !ok {
			return nil
		}
		if i := slices.Index(words, word); i >= 0 {
			set(b, words[i]) // not the word itself, which is a piece of the whole text
			return same(k, n, word)
		}
		b.err(n.ArgPos(0), RuleBadWord, "'"+n.Keyword+"' does not know '"+clip(word)+"'; it is ignored", strings.Join(words, " or "))
		return nil
	}
}

// kept keeps a statement as it is, for what is checked elsewhere or has no effect.
func kept(_ *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if k.Instead == "" && !n.HasBlock {
		return n
	}
	return syntax.Statement(same(k, n).Keyword+" "+n.Raw, n.Pos)
}

func clamp[T cmp.Ordered](v, lo, hi T) T { return min(max(v, lo), hi) }

// Environment is what the configuration is checked against. A nil function means that nothing of its kind is checked.
type Environment struct {
	// Hostname is the node name.
	Hostname string
	// Test says that this is a configuration test, which is stricter: compat: at run time a number with something behind
	// it is used for what can be read of it.
	Test bool
	// Interface finds a network interface by name.
	Interface func(name string) (Interface, bool)
	// MAC finds the MAC address of an interface; zero if it has none.
	MAC func(name string) (mac [6]byte, exists bool)
	// Account finds the ids of a user; an empty group means the user's own.
	Account func(name, group string) (Account, error)
	// Script looks at a program that an account is to run.
	Script func(program string, a Account) ScriptState
	// Resolve finds the address of a host; zero without an error means that nobody was asked.
	Resolve func(host string) (netip.Addr, error)
	// Uptime tells how long ago the machine was booted.
	Uptime func() time.Duration
	// RouteName tells whether a name stands for a value of an option of routes and rules: table, tos, protocol, scope,
	// realms or suppress_ifgroup.
	RouteName func(option, name string) bool
	// Secret reads a file that holds a key.
	Secret func(path string) (Secret, error)
	// Draft, if there is one, is given the consolidated text of a large configuration as soon as it is known: it is that
	// of the configuration unless something will be found useless.
	Draft func(text []byte)
}

// Interface is what matters of a network interface.
type Interface struct {
	Index               int
	Loopback, Multicast bool
}

// Account is who runs a program.
type Account struct {
	UID, GID uint32
	Groups   []uint32
}

// ScriptState is what was found out about a program.
type ScriptState struct {
	// Problem says why it cannot be run, or is empty.
	Problem string
	// Shell says that it is no executable file, so that a shell must make of it what it can.
	Shell bool
	// Insecure says how somebody other than root could change it, or is empty.
	Insecure string
	// Path is where the program is, with the symbolic links among its folders resolved but not the name itself, which a
	// program may go by; empty when it was not found.
	Path string
}

// Secret is what a file with a key holds.
type Secret struct {
	Text string
	// Insecure says who else may read it, or is empty.
	Insecure string
}

// DefaultScriptUser runs scripts when script_user is not set and the account exists (compat).
const DefaultScriptUser = "keepalived_script"

// account gives who runs a script: the one named with it, else script_user, else the default.
func (b *builder) account(s *notify.Script) (Account, string, error) {
	name, group := s.User, s.Group
	if name == "" {
		name, group = b.c.Global.ScriptUser, b.c.Global.ScriptGroup
	}
	if b.e.Account == nil {
		return Account{}, name, nil
	}
	if name == "" {
		a, err := b.e.Account(DefaultScriptUser, "")
		if err == nil {
			return a, DefaultScriptUser, nil
		}
		if b.c.Global.ScriptSecurity {
			return Account{}, "", err // compat: with enable_script_security root is no default
		}
		return Account{}, "root", nil
	}
	a, err := b.e.Account(name, group)
	return a, name, err
}

// checkCommands looks at every script: who runs it, whether it is there, and who could change it.
func (b *builder) checkCommands() {
	for _, u := range b.commands {
		if b.runnable(u.script, u.node, u.node.Keyword) == "" {
			*u.script = notify.Script{}
			b.drop[u.node] = true
		}
	}
	for _, d := range b.scripts {
		if b.runnable(&d.script, d.node, "vrrp_script '"+d.s.Name+"'") != "" {
			continue
		}
		d.gone, d.used = true, false
		b.drop[d.node] = true
		gone := func(t trackLine) bool {
			if t.Kind == event.SubjectScript && t.Name == d.s.Name {
				b.drop[t.node] = true
				return true
			}
			return false
		}
		for _, i := range b.drafts {
			i.tracks = slices.DeleteFunc(i.tracks, gone)
		}
		for _, g := range b.groups {
			g.tracks = slices.DeleteFunc(g.tracks, gone)
		}
	}
	b.scripts = slices.DeleteFunc(b.scripts, func(d *scriptDraft) bool { return d.gone })
}

// runnable gives "" for a script that must not be run, else "direct" or "shell".
func (b *builder) runnable(s *notify.Script, n *syntax.Node, what string) string {
	if strings.HasPrefix(s.Argv[0], "<") {
		return "direct" // compat: asks whether a file can be opened
	}
	a, _, err := b.account(s)
	if err != nil {
		tell := b.note // compat
		if strings.HasPrefix(what, "vrrp_script") || what == "MISC_CHECK" {
			tell = b.err
		}
		tell(n.Pos, RuleUnknownUser, what+" is disabled: "+err.Error(), "script_user USER in global_defs")
		return ""
	}
	if b.e.Script == nil {
		return "direct"
	}
	state := b.e.Script(s.Argv[0], a)
	if state.Path != "" && !(b.c.Global.UseSymlinkPaths && filepath.IsAbs(s.Argv[0])) {
		s.Argv[0] = state.Path // compat: so $0 has no links among its folders
	}
	if state.Problem != "" {
		if strings.HasPrefix(what, "vrrp_script") {
			b.warn(n.Pos, RuleBadCommand, what+": "+s.Argv[0]+" cannot be run: "+state.Problem+"; it is disabled", "")
			return ""
		}
		b.note(n.Pos, RuleBadCommand, what+": "+s.Argv[0]+" cannot be run now: "+state.Problem, "")
		b.c.unfound = append(b.c.unfound, s.Argv[0])
	}
	switch {
	case a.UID != 0:
	case state.Insecure != "" && b.c.Global.ScriptSecurity:
		b.report(n.Pos, syntax.Warning, syntax.Insecure, RuleScriptSecurity, what+" is disabled: "+state.Insecure, "enable_script_security is set")
		return ""
	case state.Insecure != "":
		b.report(n.Pos, syntax.Warning, syntax.Insecure, RuleScriptSecurity, what+" runs as root: "+state.Insecure, "enable_script_security refuses such scripts")
	case !b.c.Global.ScriptSecurity && state.Problem == "" && !b.noted[RuleScriptSecurity]:
		b.noted[RuleScriptSecurity] = true
		b.report(n.Pos, syntax.Warning, syntax.Insecure, RuleScriptSecurity, what+" runs as root without enable_script_security", "script_user USER, or enable_script_security in global_defs")
	}
	if state.Shell {
		return "shell"
	}
	return "direct"
}
