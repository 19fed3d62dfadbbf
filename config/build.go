// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/vrrp"
)

// Rules of the configuration: the names its problems carry besides those of package syntax. Each has its examples in
// testdata/bad.
const (
	RuleUnknownKeyword    = "unknown_keyword"
	RuleOldSpelling       = "old_spelling"
	RuleNoEffect          = "no_effect"
	RuleMissingValue      = "missing_value"
	RuleExtraWords        = "extra_words"
	RuleMissingBlock      = "missing_block"
	RuleUnexpectedBlock   = "unexpected_block"
	RuleBadNumber         = "bad_number"
	RuleOutOfRange        = "out_of_range"
	RuleBadBoolean        = "bad_boolean"
	RuleBadWord           = "bad_word"
	RuleBadAddress        = "bad_address"
	RuleAddressFamily     = "address_family"
	RuleBadRoute          = "bad_route"
	RuleBadRule           = "bad_rule"
	RuleDuplicateName     = "duplicate_name"
	RuleDuplicateVRID     = "duplicate_vrid"
	RuleDuplicateKeyword  = "duplicate_keyword"
	RuleDuplicateAddress  = "duplicate_address"
	RuleMissingVRID       = "missing_vrid"
	RuleMissingInterface  = "missing_interface"
	RuleUnknownInterface  = "unknown_interface"
	RuleMissingAddress    = "missing_address"
	RuleUnknownReference  = "unknown_reference"
	RuleIncompatible      = "incompatible"
	RuleStrict            = "strict"
	RuleRounded           = "rounded"
	RuleTruncated         = "truncated"
	RuleGroupMembers      = "group_members"
	RuleOwnerWeight       = "owner_weight"
	RuleGroupWeight       = "group_weight"
	RuleMissingScript     = "missing_script"
	RuleBadCommand        = "bad_command"
	RuleUnknownHost       = "unknown_host"
	RuleUnknownUser       = "unknown_user"
	RuleScriptSecurity    = "script_security"
	RuleBadKey            = "bad_key"
	RuleKeyPermissions    = "key_permissions"
	RuleUnusedAddressLine = "unused_address_line"
)

// builder fills one configuration.
type builder struct {
	c     *Config
	e     Environment
	index index
	found []syntax.Problem
	drop  map[*syntax.Node]bool
	// instead is what stands in the consolidated text in place of a statement.
	instead map[*syntax.Node]*syntax.Node
	path    string // of the block being read

	g      globals
	inst   *draft // the vrrp_instance being read
	drafts []*draft
	group  *groupDraft
	groups []*groupDraft
	script *scriptDraft
	file   *fileDraft
	proc   *processDraft
	noted  map[string]bool // what is said only once
	// unpreferred counts the rules without preference, of IPv4 and IPv6.
	unpreferred [2]int

	scripts   []*scriptDraft
	files     []*fileDraft
	processes []*processDraft
	bfd       *bfdDraft           // the bfd_instance being read
	announce  *vrrp.AnnounceGroup // the garp_group being read
	announced bool                // it has an interval
	statics   []staticAddress
	followers []follower
	names     map[string]map[string]syntax.Pos
	commands  []commandUse
	lvs       servers
}

// opt is a value that may be absent, with the place where it was given.
type opt[T any] struct {
	v   T
	set bool
	pos syntax.Pos
}

func (o opt[T]) or(otherwise T) T {
	if o.set {
		return o.v
	}
	return otherwise
}

// maybe is a value that may be absent.
type maybe[T any] struct {
	v   T
	set bool
}

func (o maybe[T]) or(otherwise T) T {
	if o.set {
		return o.v
	}
	return otherwise
}

func build(tree *syntax.Tree, e Environment) *builder {
	b := &builder{
		c: &Config{Files: tree.Files}, e: e, index: newIndex(Keywords), drop: map[*syntax.Node]bool{},
		instead: map[*syntax.Node]*syntax.Node{},
		noted:   map[string]bool{}, names: map[string]map[string]syntax.Pos{},
	}
	b.defaults()
	b.c.canonical = b.statements(tree.Nodes, "")
	b.finish()
	return b
}

func (b *builder) defaults() {
	g := &b.c.Global
	g.RouterID = b.e.Hostname
	g.ChildWaitTime = 5 * second
	g.StartupTimeout, g.ShutdownTimeout = 10*second, 10*second
	g.DefaultInterface = "eth0"
	g.DBusName = "org.keepalived.Vrrp1"
	g.MinAutoPriorityDelay = second
	g.SNMP.VSStatsAge = 5 * second
	g.Dump.JSONVersion = 1
	g.Umask = 0o177
	g.Firewall = Firewall{Table: "keepalived", Priority: -1}
	g.Buffers.RxMultiplier = 3
	g.LVSSyncDaemon.ID = -1
	b.c.Notify.SMTP.RouterID = b.e.Hostname
	b.c.Notify.SMTP.ConnectTimeout = 30 * second
}

// statements reads the statements of one block and gives their canonical forms.
func (b *builder) statements(nodes []*syntax.Node, path string) []*syntax.Node {
	outer := b.path
	b.path = path
	keywords := b.index[path]
	out, copied := nodes, false // copied when one differs from its canonical form
	for i, n := range nodes {
		c := b.statement(keywords, n)
		if !copied && c != n {
			out, copied = append(make([]*syntax.Node, 0, len(nodes)), nodes[:i]...), true
		}
		if copied && c != nil {
			out = append(out, c)
		}
	}
	b.path = outer
	return out
}

// statement reads one statement.
func (b *builder) statement(keywords map[string]*Keyword, n *syntax.Node) *syntax.Node {
	if n.Keyword == "" && n.HasBlock {
		return nil // the language has told
	}
	k := keywords[n.Keyword]
	if k == nil {
		b.unknown(n)
		return nil
	}
	return b.one(k, n)
}

// one reads a statement whose keyword is known.
func (b *builder) one(k *Keyword, n *syntax.Node) *syntax.Node {
	if k.IsBlock() && !n.HasBlock {
		b.err(n.Pos, RuleMissingBlock, "'"+k.Name+"' takes a block in braces", k.Name+" "+k.Form)
		return nil
	}
	if !k.IsBlock() && n.HasBlock {
		b.err(n.Pos, RuleUnexpectedBlock, "'"+k.Name+"' takes no block; what is between its braces is ignored", "")
	}
	if k.Instead != "" {
		b.note(n.Pos, RuleOldSpelling, "'"+k.Name+"' is an old spelling", "write "+k.Instead)
	}
	if k.Once != "" {
		b.note(n.Pos, RuleOldSpelling, "'"+k.Name+"' is out of use: "+k.Once, "")
	}
	if k.NoEffect != "" && !b.noted[k.Path()] {
		b.noted[k.Path()] = true
		b.note(n.Pos, RuleNoEffect, "'"+k.Name+"' is understood and has no effect: "+k.NoEffect, "")
	}
	return k.read(b, k, n)
}

// unknown reports a keyword that does not exist here, once, with all that stands in its braces.
func (b *builder) unknown(n *syntax.Node) {
	where := "at the top level"
	if b.path != "" {
		where = "in " + b.path
	}
	hint := ""
	if s := b.index.suggest(b.path, n.Keyword); s != "" {
		hint = "did you mean " + s + "?"
	} else if places := b.index.elsewhere(n.Keyword); len(places) > 0 {
		hint = "it belongs in " + strings.Join(places[:min(3, len(places))], " or ")
	}
	b.err(n.Pos, RuleUnknownKeyword, "unknown keyword '"+clip(n.Keyword)+"' "+where, hint)
}

// clip shortens a word that somebody else wrote.
func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

// same gives the canonical form of a simple statement: today's keyword and these words.
func same(k *Keyword, n *syntax.Node, words ...string) *syntax.Node {
	name := k.today()
	if !n.HasBlock && n.Spelled(name, words) {
		return n
	}
	return fresh(name, n, words)
}

// today is the keyword, or the one that an old one stands for.
func (k *Keyword) today() string {
	if k.Instead != "" && !strings.ContainsAny(k.Instead, " /") {
		return k.Instead
	}
	return k.Name
}

func fresh(name string, n *syntax.Node, words []string) *syntax.Node {
	c := &syntax.Node{Keyword: name, Pos: n.Pos}
	for _, w := range words {
		c.Args = append(c.Args, syntax.Word{Text: w})
	}
	return c
}

// listed gives the canonical form of a line in a list.
func listed(n *syntax.Node, words ...string) *syntax.Node {
	c := &syntax.Node{Keyword: words[0], Pos: n.Pos}
	for _, w := range words[1:] {
		c.Args = append(c.Args, syntax.Word{Text: w})
	}
	return c
}

// blockOf gives the canonical form of a block.
func blockOf(k *Keyword, n *syntax.Node, children []*syntax.Node, words ...string) *syntax.Node {
	name := k.today()
	if n.HasBlock && len(children) == len(n.Children) && (len(children) == 0 || &children[0] == &n.Children[0]) && n.Spelled(name, words) {
		return n
	}
	c := fresh(name, n, words)
	c.HasBlock, c.Children = true, children
	return c
}

func (b *builder) report(at syntax.Pos, l syntax.Level, c syntax.Class, rule, message, hint string) {
	b.found = append(b.found, syntax.Problem{Pos: at, Level: l, Class: c, Rule: rule, Message: message, Hint: hint})
}

func (b *builder) note(at syntax.Pos, rule, message, hint string) {
	b.report(at, syntax.Note, syntax.Harmless, rule, message, hint)
}

func (b *builder) warn(at syntax.Pos, rule, message, hint string) {
	b.report(at, syntax.Warning, syntax.Faulty, rule, message, hint)
}

func (b *builder) err(at syntax.Pos, rule, message, hint string) {
	b.report(at, syntax.Error, syntax.Faulty, rule, message, hint)
}

func (b *builder) fatal(at syntax.Pos, rule, message, hint string) {
	b.report(at, syntax.Error, syntax.Fatal, rule, message, hint)
}

// unique tells whether a name is new among its kind, and reports the second one.
func (b *builder) unique(kind, name string, at syntax.Pos) bool {
	if b.names[kind] == nil {
		b.names[kind] = map[string]syntax.Pos{}
	}
	if first, ok := b.names[kind][name]; ok {
		b.err(at, RuleDuplicateName, kind+" '"+name+"' exists already; this one is ignored", "the first is at "+first.String())
		return false
	}
	b.names[kind][name] = at
	return true
}

// named gives the name of a block, or "" with a report.
func (b *builder) named(k *Keyword, n *syntax.Node) string {
	if len(n.Args) == 0 || n.Args[0].Text == "" {
		tell := b.err
		if k.Name == "vrrp_script" {
			tell = b.fatal // compat: other blocks without a name are passed over
		}
		tell(n.Pos, RuleMissingValue, "'"+k.Name+"' needs a name; the block is ignored", k.Name+" "+k.Form)
		return ""
	}
	b.extra(n, 1)
	return n.Args[0].Text
}

// extra notes words that nobody reads.
func (b *builder) extra(n *syntax.Node, used int) {
	if len(n.Args) > used {
		b.note(n.ArgPos(used), RuleExtraWords, "nothing is done with '"+clip(n.Args[used].Text)+"' after '"+n.Keyword+"'", "")
	}
}

// known tells whether an interface exists; where dynamic_interfaces is off it must.
func (b *builder) known(name string, at syntax.Pos) bool {
	if b.e.Interface == nil || b.g.dynamic {
		return true
	}
	if _, ok := b.e.Interface(name); ok {
		return true
	}
	b.fatal(at, RuleUnknownInterface, "interface "+clip(name)+" does not exist", "dynamic_interfaces in global_defs lets it appear later")
	return false
}

func tri(v bool) event.Tri {
	if v {
		return event.TriOn
	}
	return event.TriOff
}

// Tier is how common a keyword is: A is in nearly every configuration, D is obsolete.
type Tier byte

// Keyword is one row of the table that drives parsing, suggestions, documentation and completion.
type Keyword struct {
	// Block is where the keyword stands: "" at the top, else names of blocks joined by "/".
	Block string
	Name  string
	// Form is what follows the keyword, as a person would write it; braces mean a block.
	Form    string
	Default string
	Tier    Tier
	// Doc is one sentence.
	Doc string
	// Instead is today's spelling of an old keyword.
	Instead string
	// Once says of a keyword that acts and is out of use what it was for, and what to write now.
	Once string
	// NoEffect says why the keyword is understood and changes nothing; empty for all that act.
	NoEffect string

	read reader
	// lax says that a missing value is no reason to end (compat).
	lax bool
	// path is what Path gives, once the row stands in the table.
	path string
}

// Path gives the block path that the keyword's own block has.
func (k *Keyword) Path() string {
	switch {
	case k.path != "":
		return k.path
	case k.Block == "":
		return k.Name
	}
	return k.Block + "/" + k.Name
}

// IsBlock tells whether the keyword takes braces.
func (k *Keyword) IsBlock() bool { return strings.Contains(k.Form, "{") }

// A reader takes a statement, fills the configuration, and gives the statement's canonical form, or nil when there is
// nothing to keep of it.
type reader func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node

// Keywords is every keyword there is, block by block.
var Keywords = slices.Concat(
	in("", topKeywords),
	in("global_defs", globalKeywords, processKeywords, mailKeywords, lvsKeywords),
	in("track_group", trackGroupKeywords),
	in("garp_group", garpGroupKeywords),
	in("vrrp_sync_group", groupKeywords),
	in("vrrp_script", scriptKeywords),
	in("track_file", fileKeywords),
	in("vrrp_track_file", fileKeywords),
	in("vrrp_track_process", trackProcessKeywords),
	in("bfd_instance", bfdKeywords),
	in("vrrp_instance", instanceKeywords, notifyKeywords, instanceGarpKeywords),
	in("vrrp_instance/authentication", authKeywords),
	in("vrrp_instance/auth_hmac", hmacKeywords),
	serverTables(),
)

// in puts rows into a block.
func in(block string, tables ...[]Keyword) []Keyword {
	rows := slices.Concat(tables...)
	for i := range rows {
		rows[i].Block = block
		rows[i].path = rows[i].Path()
		rows[i].lax = forgiving[block+"/"+rows[i].Name]
	}
	return rows
}

// index finds keywords by block and name.
type index map[string]map[string]*Keyword

func newIndex(rows []Keyword) index {
	x := index{}
	for i := range rows {
		k := &rows[i]
		if x[k.Block] == nil {
			x[k.Block] = map[string]*Keyword{}
		}
		x[k.Block][k.Name] = k
	}
	return x
}

// Find gives the row of a keyword in a block, or nil.
func Find(block, name string) *Keyword {
	for i := range Keywords {
		if Keywords[i].Block == block && Keywords[i].Name == name {
			return &Keywords[i]
		}
	}
	return nil
}

// Suggest gives the keyword of the block that is most like the name, or "" when none is near.
func Suggest(block, name string) string { return newIndex(Keywords).suggest(block, name) }

func (x index) suggest(block, name string) string {
	best, least := "", 1+min(3, max(1, len(name)/3))
	if len(name) > 40 {
		return ""
	}
	for candidate, k := range x[block] {
		d := syntax.Distance(strings.ToLower(name), strings.ToLower(candidate), least)
		if d < least || (d == least && best != "" && candidate < best) {
			best, least = candidate, d
			if k.Instead != "" {
				best = k.Instead
			}
		}
	}
	return best
}

// elsewhere gives the blocks in which a keyword is known.
func (x index) elsewhere(name string) []string {
	var out []string
	for block, names := range x {
		if names[name] != nil && names[name].Tier != 'D' {
			if block == "" {
				block = "the top level"
			}
			out = append(out, block)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := strings.Count(a, "/") - strings.Count(b, "/"); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return out
}

// forgiving are the keywords that may lack their value: compat: keepalived 2.2.7 passes them over then, and ends where any
// other keyword lacks one.
var forgiving = func() map[string]bool {
	known := map[string]bool{}
	for block, names := range map[string]string{
		"": "instance net_namespace vrrp_sync_group",
		"global_defs": "bfd_cpu_affinity bfd_priority bfd_rt_priority checker_cpu_affinity checker_priority checker_rt_priority " +
			"dbus_service_name default_interface lvs_netlink_cmd_rcv_bufs lvs_netlink_monitor_rcv_bufs lvs_notify_fifo " +
			"lvs_notify_fifo_script lvs_sync_daemon min_auto_priority_delay notification_email_from notify_fifo " +
			"notify_fifo_script process_monitor_rcv_bufs reload_time_file router_id script_user shutdown_script " +
			"shutdown_script_timeout snmp_socket startup_script startup_script_timeout tmp_config_directory " +
			"vrrp_cpu_affinity vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs vrrp_notify_fifo " +
			"vrrp_notify_fifo_script vrrp_priority vrrp_rt_priority vrrp_rx_bufs_multiplier vrrp_rx_bufs_policy",
		"vrrp_instance":                         "kernel_rx_buf_size",
		"virtual_server":                        "snmp_name sorry_server_lvs_method",
		"virtual_server/real_server":            "snmp_name",
		"virtual_server/real_server/MISC_CHECK": "user",
		"track_file":                            "file weight",
		"vrrp_track_file":                       "file weight",
		"vrrp_track_process":                    "weight",
	} {
		for name := range strings.FieldsSeq(names) {
			known[block+"/"+name] = true
		}
	}
	return known
}()
