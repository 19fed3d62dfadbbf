// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/track"
	"github.com/vigild/vigild/engine/vrrp"
)

// commandUse remembers a script to be checked when the account of all scripts is known.
type commandUse struct {
	script *notify.Script
	node   *syntax.Node
}

type scriptDraft struct {
	s       vrrp.ScriptSettings
	script  notify.Script
	command string
	node    *syntax.Node
	at      syntax.Pos // of the command
	every   opt[time.Duration]
	limit   opt[time.Duration]
	used    bool
	gone    bool
}

type fileDraft struct {
	s    vrrp.FileSettings
	t    track.FileSettings
	node *syntax.Node
	used bool
}

type processDraft struct {
	s    vrrp.ProcessSettings
	t    track.ProcessSettings
	node *syntax.Node
	used bool
}

type groupDraft struct {
	s       vrrp.GroupSettings
	told    notify.SubjectSettings
	node    *syntax.Node
	members []syntax.Word
	tracks  []trackLine
	alert   opt[bool]
	prios   opt[bool]
}

// trackLine is a tracked object with its place.
type trackLine struct {
	vrrp.Track
	node *syntax.Node
	pos  syntax.Pos
	rest []string // the words after the name, of a virtual server
}

// parseCommand reads `"COMMAND" [USER [GROUP]]`.
func (b *builder) parseCommand(k *Keyword, n *syntax.Node) (notify.Script, string, bool) {
	words, err := n.ScriptWords()
	if err != nil {
		b.err(n.Pos, RuleBadCommand, "'"+n.Keyword+"': "+err.Error()+"; it is ignored", "")
		return notify.Script{}, "", false
	}
	if len(words) == 0 {
		_, _ = b.value(k, n)
		return notify.Script{}, "", false
	}
	argv, err := syntax.SplitCommand(words[0].Text)
	if err != nil || len(argv) == 0 || argv[0] == "" {
		why := "no program is named"
		if err != nil {
			why = err.Error()
		}
		b.err(words[0].Pos, RuleBadCommand, "'"+n.Keyword+"': "+why+"; it is ignored", "")
		return notify.Script{}, "", false
	}
	s := notify.Script{Argv: argv}
	if len(words) > 1 {
		s.User = words[1].Text
	}
	if len(words) > 2 {
		s.Group = words[2].Text
	}
	if len(words) > 3 {
		b.note(words[3].Pos, RuleExtraWords, "nothing is done with '"+clip(words[3].Text)+"' after '"+n.Keyword+"'", "")
	}
	return s, words[0].Text, true
}

// command reads a notify script into a field. compat: the first one counts.
func command(field func(*builder) *notify.Script) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		s, _, ok := b.parseCommand(k, n)
		if !ok {
			return nil
		}
		into := field(b)
		if into.Set() {
			b.err(n.Pos, RuleDuplicateKeyword, "there is a '"+k.Name+"' already; this one is ignored", "")
			return nil
		}
		*into = s
		b.commands = append(b.commands, commandUse{into, n})
		return kept(b, k, n)
	}
}

// told gives what is told about the instance or group being read.
func (b *builder) told() *notify.SubjectSettings {
	if b.inst != nil {
		return &b.inst.told
	}
	return &b.group.told
}

// toldBool sets an optional boolean of the instance or group being read.
func toldBool(inst func(*draft) *opt[bool], group func(*groupDraft) *opt[bool]) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		v, ok := b.boolean(n)
		if !ok {
			return nil
		}
		if b.inst != nil {
			*inst(b.inst) = opt[bool]{v, true, n.Pos}
		} else {
			*group(b.group) = opt[bool]{v, true, n.Pos}
		}
		return same(k, n, onOff(v))
	}
}

const scriptForm = `"COMMAND" [USER [GROUP]]`

// commonNotify are the rows that instances and groups share.
var commonNotify = []Keyword{
	row("notify_master", scriptForm, "", 'A', "A program run at the transition to MASTER.", command(func(b *builder) *notify.Script { return &b.told().Master })),
	row("notify_backup", scriptForm, "", 'A', "A program run at the transition to BACKUP.", command(func(b *builder) *notify.Script { return &b.told().Backup })),
	row("notify_fault", scriptForm, "", 'A', "A program run at the transition to FAULT.", command(func(b *builder) *notify.Script { return &b.told().Fault })),
	row("notify_stop", scriptForm, "", 'B', "A program run at stop, which waits a second for it.", command(func(b *builder) *notify.Script { return &b.told().Stop })),
	row("notify", scriptForm, "", 'A', "A program run at every transition, given INSTANCE or GROUP, the name, the state and the priority as arguments.", command(func(b *builder) *notify.Script { return &b.told().Generic })),
	row("smtp_alert", yesNo, "that of smtp_alert_vrrp", 'A', "Whether transitions are mailed.", toldBool(func(d *draft) *opt[bool] { return &d.alert }, func(g *groupDraft) *opt[bool] { return &g.alert })),
	row("notify_priority_changes", yesNo, "that of the group, else the global one", 'C', "Writes a line to the FIFOs when the effective priority changes.", toldBool(func(d *draft) *opt[bool] { return &d.prios }, func(g *groupDraft) *opt[bool] { return &g.prios })),
}

// notifyKeywords are the rows of vrrp_instance about telling others.
var notifyKeywords = append([]Keyword{
	row("notify_deleted", "["+scriptForm+"]", "off", 'C', "Reports DELETED, not FAULT, when a reload removes the instance.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.inst.told.ReportDeleted, b.inst.s.NotifyDeleted = true, true
		if n.Raw == "" {
			return same(k, n)
		}
		return command(func(b *builder) *notify.Script { return &b.inst.told.Deleted })(b, k, n)
	}),
	row("notify_master_rx_lower_pri", scriptForm, "", 'C', "A program run when a MASTER hears an advert of lower priority.", command(func(b *builder) *notify.Script { return &b.inst.told.MasterRxLowerPri })),
}, commonNotify...)

// groupKeywords are the rows of vrrp_sync_group.
var groupKeywords = append([]Keyword{
	row("group", "{ INSTANCE... }", "", 'A', "The instances of the group.", readMembers),
	row("track_interface", "{ INTERFACE [weight N [reverse]] ... }", "", 'B', "Interfaces that every member follows.", readTracks(event.SubjectInterface)),
	row("track_script", "{ NAME [weight N [reverse|noreverse]] ... }", "", 'B', "Scripts that every member follows.", readTracks(event.SubjectScript)),
	row("track_file", "{ NAME [weight N [reverse|noreverse]] ... }", "", 'C', "Files that every member follows.", readTracks(event.SubjectFile)),
	row("track_process", "{ NAME [weight N [reverse|noreverse]] ... }", "", 'C', "Processes that every member follows.", readTracks(event.SubjectProcess)),
	row("track_bfd", "{ NAME [weight N [reverse|noreverse]] ... }", "", 'C', "BFD sessions that every member follows.", readTracks(event.SubjectBFD)),
	row("track_virtual_server", "{ \"ADDRESS [PORT] [PROTOCOL]|fwmark N|group NAME\" [weight N [reverse|noreverse]] ... }", "", 'C', "Virtual servers whose quorum every member follows.", readServiceTracks),
	row("sync_group_tracking_weight", "", "off", 'C', "Lets members keep the weights of what they follow.", mark(func(b *builder) *bool { return &b.group.s.TrackingWeight })),
	old("global_tracking", "sync_group_tracking_weight", "", mark(func(b *builder) *bool { return &b.group.s.TrackingWeight })),
}, commonNotify...)

// scriptKeywords are the rows of vrrp_script.
var scriptKeywords = []Keyword{
	row("script", `"COMMAND"`, "", 'A', "The program; exit status 0 is good.", readScriptCommand),
	row("interval", "SECONDS", "1", 'A', "The time between the starts of two runs.", duration(0, 1_000_000*second, func(b *builder, v opt[time.Duration]) { b.script.every = v })),
	row("timeout", "SECONDS", "that of interval", 'B', "How long a run may take; longer is a failure.", readScriptTimeout),
	row("weight", "-253..253 [reverse]", "0", 'A', "What is added to the priority while the script is good (positive) or bad (negative); 0 means FAULT while it is bad.", readWeight(253, func(b *builder) (*int, *bool) { return &b.script.s.Weight, &b.script.s.Reverse })),
	row("rise", "N", "1", 'A', "How many runs in a row must succeed until the script counts as good.", atLeastOne(func(b *builder, v int64) { b.script.s.Rise = int(v) })),
	row("fall", "N", "1", 'A', "How many runs in a row must fail until the script counts as bad.", atLeastOne(func(b *builder, v int64) { b.script.s.Fall = int(v) })),
	row("user", "USER [GROUP]", "that of script_user", 'B', "The account that runs the program.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		return b.readAccount(k, n, &b.script.script.User, &b.script.script.Group)
	}),
	row("init_fail", "", "off", 'B', "The script counts as bad until its first success.", mark(func(b *builder) *bool { return &b.script.s.InitFail })),
}

// fileKeywords are the rows of track_file.
var fileKeywords = []Keyword{
	row("file", "PATH", "", 'B', "The file; what is read as a number in it counts.", first(func(b *builder) *string { return &b.file.s.Path }, func(b *builder) { b.file.t.Path = b.file.s.Path })),
	row("weight", "-254..254 [reverse]", "1", 'B', "What the number is multiplied by; 0 means FAULT while it is not 0.", readWeight(254, func(b *builder) (*int, *bool) { return &b.file.s.Weight, &b.file.s.Reverse })),
	row("init_file", "[VALUE] [overwrite]", "off", 'B', "Creates the file at the start, with this number in it.", readInitFile),
}

// trackProcessKeywords are the rows of vrrp_track_process.
var trackProcessKeywords = []Keyword{
	row("process", "NAME [PARAMETER...]", "", 'B', "The process: its name, or with full_command its path, and its parameters.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		if len(n.Args) == 0 {
			_, _ = b.value(k, n)
			return nil
		}
		p := &b.proc.t
		if p.Command != "" { // compat
			b.warn(n.Pos, RuleDuplicateKeyword, "there is a 'process' already; this one is ignored", "")
			return nil
		}
		p.Command, p.Params = n.Args[0].Text, nil
		for _, w := range n.Args[1:] {
			p.Params = append(p.Params, w.Text)
		}
		return kept(b, k, n)
	}),
	row("param_match", "[initial|partial]", "exact", 'C', "Whether parameters must be the same, the same at the start, or the last one cut short.", func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		b.proc.t.Match = track.ParamsExact
		if len(n.Args) == 0 {
			return same(k, n)
		}
		return oneOf([]string{"initial", "partial"}, func(b *builder, s string) {
			b.proc.t.Match = track.ParamsInitial
			if s == "partial" {
				b.proc.t.Match = track.ParamsPartial
			}
		})(b, k, n)
	}),
	row("weight", "-254..254 [reverse]", "0", 'B', "What is added to the priority while the process is there (positive) or not (negative); 0 means FAULT without it.", readWeight(254, func(b *builder) (*int, *bool) { return &b.proc.s.Weight, &b.proc.s.Reverse })),
	row("quorum", "N", "1", 'B', "How many must run.", number(1, 65535, func(b *builder, v int64) { b.proc.s.Quorum = int(v) })),
	row("quorum_max", "N", "unlimited", 'C', "How many may run.", number(0, 65535, func(b *builder, v int64) { b.proc.s.QuorumMax = int(v) })),
	row("delay", "SECONDS", "0", 'C', "Sets terminate_delay and fork_delay.", duration(time.Microsecond, 3600*second, func(b *builder, v opt[time.Duration]) {
		b.proc.s.TerminateDelay, b.proc.s.ForkDelay = v.v, v.v
	})),
	row("terminate_delay", "SECONDS", "0", 'C', "How long too few processes are overlooked.", duration(time.Microsecond, 3600*second, func(b *builder, v opt[time.Duration]) { b.proc.s.TerminateDelay = v.v })),
	row("fork_delay", "SECONDS", "0", 'C', "How long there must be enough processes until they count.", duration(time.Microsecond, 3600*second, func(b *builder, v opt[time.Duration]) { b.proc.s.ForkDelay = v.v })),
	row("full_command", "", "off", 'C', "Compares the path of the program as it was started instead of its name.", mark(func(b *builder) *bool { return &b.proc.t.Full })),
}

func readScript(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	name := b.named(k, n)
	if name == "" || !b.unique("vrrp_script", name, n.Pos) {
		return nil
	}
	b.extra(n, 1)
	d := &scriptDraft{s: vrrp.ScriptSettings{Name: name, Rise: 1, Fall: 1}, node: n}
	b.script = d
	children := b.statements(n.Children, k.Path())
	b.script = nil
	if !d.script.Set() {
		b.err(n.Pos, RuleMissingScript, "vrrp_script '"+name+"' has no script; it is ignored", `script "COMMAND"`)
		delete(b.names["vrrp_script"], name)
		return nil
	}
	b.scripts = append(b.scripts, d)
	return blockOf(k, n, children, name)
}

func readScriptCommand(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	s, command, ok := b.parseCommand(k, n)
	if !ok {
		return nil
	}
	d := b.script
	d.script.Argv, d.command, d.at = s.Argv, command, n.Pos
	if s.User != "" { // compat
		b.note(n.Pos, RuleExtraWords, "nothing is done with '"+clip(s.User)+"' after 'script'", "user "+s.User)
	}
	return kept(b, k, n)
}

// readScriptTimeout takes how long a script may run. compat: 0 becomes 1.
func readScriptTimeout(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	if d, ok := parseSeconds(n.Arg(0)); ok && d == 0 {
		b.warn(n.ArgPos(0), RuleOutOfRange, "'timeout' must be more than 0; 1 is used", "")
		b.script.limit = opt[time.Duration]{second, true, n.Pos}
		return same(k, n, "1")
	}
	return duration(0, 1_000_000*second, func(b *builder, v opt[time.Duration]) { b.script.limit = v })(b, k, n)
}

// readWeight takes N [reverse].
func readWeight(most int64, of func(*builder) (*int, *bool)) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		if len(n.Args) == 0 {
			_, _ = b.value(k, n)
			return nil
		}
		v, ok := b.integer(n.Args[0].Text, n.ArgPos(0), -most, most)
		if !ok {
			return nil
		}
		weight, reverse := of(b)
		*weight = int(v)
		words := []string{strconv.FormatInt(v, 10)}
		if len(n.Args) > 1 {
			if n.Args[1].Text != "reverse" {
				b.err(n.ArgPos(1), RuleBadWord, "'weight' does not know '"+clip(n.Args[1].Text)+"'; the word is ignored", "reverse")
			} else {
				*reverse = true
				words = append(words, "reverse")
			}
		}
		return same(k, n, words...)
	}
}

func readFile(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	name := b.named(k, n)
	if name == "" || !b.unique("track_file", name, n.Pos) {
		return nil
	}
	b.extra(n, 1)
	d := &fileDraft{s: vrrp.FileSettings{Name: name, Weight: 1}, t: track.FileSettings{Name: name}, node: n}
	b.file = d
	children := b.statements(n.Children, k.Path())
	b.file = nil
	if d.s.Path == "" {
		b.err(n.Pos, RuleMissingValue, "track_file '"+name+"' names no file; it is ignored", "file PATH")
		delete(b.names["track_file"], name)
		return nil
	}
	b.files = append(b.files, d)
	return blockOf(k, n, children, name)
}

func readInitFile(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	t := &b.file.t
	t.Init = true
	var words []string
	for i, w := range n.Args {
		if w.Text == "overwrite" {
			t.Overwrite = true
			continue
		}
		v, ok := b.integer(w.Text, n.ArgPos(i), math.MinInt32, math.MaxInt32)
		if !ok {
			continue
		}
		t.InitValue = v
		words = []string{strconv.FormatInt(v, 10)}
	}
	if t.Overwrite {
		words = append(words, "overwrite")
	}
	return same(k, n, words...)
}

func readProcess(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	name := b.named(k, n)
	if name == "" || !b.unique("vrrp_track_process", name, n.Pos) {
		return nil
	}
	b.extra(n, 1)
	d := &processDraft{s: vrrp.ProcessSettings{Name: name, Quorum: 1, QuorumMax: -1}, t: track.ProcessSettings{Name: name}, node: n}
	b.proc = d
	children := b.statements(n.Children, k.Path())
	b.proc = nil
	switch {
	case d.t.Command == "":
		b.err(n.Pos, RuleMissingValue, "vrrp_track_process '"+name+"' names no process; it is ignored", "process NAME")
	case d.s.QuorumMax < d.s.Quorum && d.s.QuorumMax > 0:
		b.err(n.Pos, RuleIncompatible, "vrrp_track_process '"+name+"' wants at least "+strconv.Itoa(d.s.Quorum)+" and at most "+
			strconv.Itoa(d.s.QuorumMax)+" processes; it is ignored", "")
	default:
		if d.s.QuorumMax == 0 {
			d.s.Quorum = 0 // none may run
		}
		if len(d.t.Params) > 0 && d.t.Match == track.ParamsIgnored {
			d.t.Match = track.ParamsExact
		}
		b.processes = append(b.processes, d)
		return blockOf(k, n, children, name)
	}
	delete(b.names["vrrp_track_process"], name)
	return nil
}

// readTracks reads the lines of a track_ block. References are to what stands before (compat).
func readTracks(kind event.SubjectKind) reader {
	return func(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
		var out []*syntax.Node
		for _, c := range n.Children {
			t, words, ok := b.trackLine(kind, c)
			if !ok {
				continue
			}
			if b.inst != nil {
				b.inst.tracks = append(b.inst.tracks, t)
			} else if slices.ContainsFunc(b.group.tracks, func(o trackLine) bool { return o.Kind == t.Kind && o.Name == t.Name }) {
				b.warn(t.pos, RuleDuplicateName, "'"+clip(t.Name)+"' is followed already", "")
				continue
			} else {
				b.group.tracks = append(b.group.tracks, t)
			}
			out = append(out, listed(c, words...))
		}
		return blockOf(k, n, out)
	}
}

func (b *builder) trackLine(kind event.SubjectKind, n *syntax.Node) (t trackLine, words []string, ok bool) {
	w := n.Words()
	t = trackLine{Track: vrrp.Track{Kind: kind, Name: w[0].Text}, node: n, pos: n.Pos}
	if !b.resolve(&t) {
		return t, nil, false
	}
	words, ok = b.trackOptions(&t, w[1:])
	return t, words, ok
}

// trackOptions reads what follows the name of a tracked object, and gives all words in their canonical form.
func (b *builder) trackOptions(t *trackLine, w []syntax.Word) (words []string, ok bool) {
	kind, name := t.Kind, t.Name
	words = []string{name}
	for i := 0; i < len(w); i++ {
		switch {
		case w[i].Text == "weight" && i+1 < len(w):
			i++
			most := int64(253)
			if kind == event.SubjectFile || kind == event.SubjectProcess {
				most = 254
			}
			v, good := b.integer(w[i].Text, w[i].Pos, -254, 254)
			if !good {
				continue
			}
			if v > most || v < -most {
				v = clamp(v, -most, most)
				b.warn(w[i].Pos, RuleOutOfRange, "a weight of "+w[i].Text+" is too much here; "+strconv.FormatInt(v, 10)+" is used", "")
			}
			// compat: reverse of the object stays in force beside a weight of the line.
			t.Weight = int(v)
			words = append(words, "weight", strconv.FormatInt(v, 10))
			if i+1 < len(w) && (w[i+1].Text == "reverse" || w[i+1].Text == "noreverse" && kind != event.SubjectInterface) {
				i++
				t.Reverse = w[i].Text == "reverse"
				words = append(words, w[i].Text)
			}
		default:
			// compat: what the line names is not followed at all.
			b.err(w[i].Pos, RuleBadWord, "a tracked object has no option '"+clip(w[i].Text)+"', or it lacks its value; '"+clip(name)+"' is not followed", "weight N [reverse]")
			return words, false
		}
	}
	return words, true
}

// resolve finds what a track line names and takes its weight. What does not exist is no reason to stop.
func (b *builder) resolve(t *trackLine) bool {
	kind := ""
	switch t.Kind {
	case event.SubjectInterface:
		return b.known(t.Name, t.pos)
	case event.SubjectScript:
		kind = "vrrp_script"
		if k := slices.IndexFunc(b.scripts, func(d *scriptDraft) bool { return d.s.Name == t.Name }); k >= 0 {
			d := b.scripts[k]
			d.used, t.Weight, t.Reverse = true, d.s.Weight, d.s.Reverse
			return true
		}
	case event.SubjectFile:
		kind = "track_file"
		if k := slices.IndexFunc(b.files, func(d *fileDraft) bool { return d.s.Name == t.Name }); k >= 0 {
			d := b.files[k]
			d.used, t.Weight, t.Reverse = true, d.s.Weight, d.s.Reverse
			return true
		}
	case event.SubjectProcess:
		kind = "vrrp_track_process"
		if k := slices.IndexFunc(b.processes, func(d *processDraft) bool { return d.s.Name == t.Name }); k >= 0 {
			d := b.processes[k]
			d.used, t.Weight, t.Reverse = true, d.s.Weight, d.s.Reverse
			return true
		}
	case event.SubjectBFD:
		kind = "bfd_instance"
		if b.trackedBFD(t) {
			return true
		}
	case event.SubjectNone, event.SubjectInstance, event.SubjectGroup, event.SubjectVirtualServer, event.SubjectRealServer,
		event.SubjectWorker, event.SubjectConfig, event.SubjectChannel, event.SubjectRouter:
	}
	b.err(t.pos, RuleUnknownReference, kind+" '"+clip(t.Name)+"' does not exist up to here; it is ignored", "it must stand before what refers to it")
	return false
}

func readGroup(b *builder, k *Keyword, n *syntax.Node) *syntax.Node {
	name := b.named(k, n)
	if name == "" || !b.unique("vrrp_sync_group", name, n.Pos) {
		return nil
	}
	b.extra(n, 1)
	g := &groupDraft{s: vrrp.GroupSettings{Name: name}, told: notify.SubjectSettings{Name: name}, node: n}
	b.group = g
	// Before there was `group { }` members stood alone; they are put into one.
	var rest, members []*syntax.Node
	for _, c := range n.Children {
		if !c.HasBlock && len(c.Args) == 0 && b.index[k.Path()][c.Keyword] == nil && b.index.suggest(k.Path(), c.Keyword) == "" {
			members = append(members, c)
			continue
		}
		rest = append(rest, c)
	}
	var out []*syntax.Node
	if len(members) > 0 {
		b.note(members[0].Pos, RuleOldSpelling, "members of a sync group without 'group { }' are an old spelling", "write group { "+quoteAll(names(members))+" }")
		g.members = b.words(members)
		out = append(out, b.membersBlock(n, g.members))
	}
	out = append(out, b.statements(rest, k.Path())...)
	b.group = nil
	b.groups = append(b.groups, g)
	return blockOf(k, n, out, name)
}

func names(nodes []*syntax.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Keyword)
	}
	return out
}

func (b *builder) membersBlock(n *syntax.Node, members []syntax.Word) *syntax.Node {
	c := &syntax.Node{Keyword: "group", Pos: n.Pos, HasBlock: true}
	for _, w := range members {
		c.Children = append(c.Children, &syntax.Node{Keyword: w.Text, Pos: w.Pos})
	}
	return c
}

func readMembers(b *builder, _ *Keyword, n *syntax.Node) *syntax.Node {
	words := b.words(n.Children)
	if len(words) == 0 {
		b.warn(n.Pos, RuleGroupMembers, "the group block is empty", "")
		return nil
	}
	if len(b.group.members) > 0 {
		b.err(n.Pos, RuleDuplicateKeyword, "there is a 'group' already; this one is ignored", "")
		return nil
	}
	b.group.members = words
	return b.membersBlock(n, words)
}
