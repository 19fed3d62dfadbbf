// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/vigild/vigild/engine/sys/ipvs/rules"
)

// File is one file of the old director.
type File struct{ Name, Text string }

// Note is a line that has no equal, or whose equal is not quite one.
type Note struct {
	File string `json:"file"`
	Line int    `json:"line"`
	// What is the line, or what of it; Why what is different, Do what to do.
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do"`
}

// String is the note in one line.
func (n Note) String() string {
	s := fmt.Sprintf("%s:%d: %s: %s", n.File, n.Line, n.What, n.Why)
	if n.Do != "" {
		s += "; " + n.Do
	}
	return s
}

// Result is what became of the files.
type Result struct {
	// Files are the new ones, by path below a folder of choice.
	Files []File
	Notes []Note
}

// Kinds are what [Convert] understands, by name.
var Kinds = []string{"ldirectord", "piranha", "heartbeat", "ipvs"}

// Convert turns files of one kind into new ones. An error is a file that is not
// of this kind at all, or is missing; whatever else is wrong is a note.
func Convert(kind string, files []File, names rules.Names) (Result, error) {
	m := &model{names: names}
	var err error
	switch kind {
	case "ldirectord":
		for _, f := range files {
			m.ldirectord(f)
		}
	case "piranha":
		for _, f := range files {
			m.piranha(f)
		}
	case "heartbeat":
		err = m.heartbeat(files)
	case "ipvs":
		for _, f := range files {
			m.ipvs(f)
		}
	default:
		err = fmt.Errorf("%q is none of %s", kind, strings.Join(Kinds, ", "))
	}
	if err != nil {
		return Result{}, err
	}
	slices.SortStableFunc(m.notes, func(a, b Note) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	return Result{m.files(kind, files), m.notes}, nil
}

// model is what the old files say.
type model struct {
	names rules.Names
	notes []Note
	// directors are the names of the routers that share the addresses, the
	// preferred one first; none for services alone.
	directors []string
	mailTo    []string
	mailFrom  string
	smtp      string
	global    []string // other lines of global_defs
	instances []*instance
	services  []*service
	late      []File // rules that count only where nothing else does
	// folded says that many mails at once are to become one.
	folded bool
}

// instance is one set of addresses that moves together.
type instance struct {
	name, iface string
	preferred   string // the director that has them if it can
	advert      int
	nopreempt   bool
	addresses   []string
	more        []string
}

// service is one virtual server.
type service struct {
	// name is what follows the keyword: ADDRESS PORT or fwmark N.
	name string
	body block
	// mail says that its changes are mailed.
	mail bool
}

// block is a block of a configuration: lines, and blocks within.
type block struct{ items []item }

type item struct {
	line  string
	block *block // nil for a line
}

func (b *block) add(format string, args ...any) {
	line := format
	if len(args) > 0 {
		line = fmt.Sprintf(format, args...)
	}
	b.items = append(b.items, item{line: line})
}

func (b *block) open(format string, args ...any) *block {
	in := &block{}
	b.items = append(b.items, item{fmt.Sprintf(format, args...), in})
	return in
}

// write prints the block.
func (b *block) write(w *strings.Builder, indent string) {
	for _, i := range b.items {
		w.WriteString(indent + i.line)
		if i.block == nil {
			w.WriteByte('\n')
			continue
		}
		w.WriteString(" {\n")
		i.block.write(w, indent+"    ")
		w.WriteString(indent + "}\n")
	}
}

// quoted is a word as the configuration takes it.
func quoted(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\"'\\#!{}$~@<>") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (m *model) note(file string, line int, what, why, do string) {
	m.notes = append(m.notes, Note{file, line, what, why, do})
}

// files writes everything: for each director a folder with its own.
func (m *model) files(kind string, from []File) []File {
	for _, s := range m.services {
		for _, i := range s.body.items {
			if len(m.mailTo) > 0 && !s.mail && i.block != nil {
				i.block.add("smtp_alert off")
			}
		}
	}
	var out []File
	folders := m.directors
	if len(folders) == 0 {
		folders = []string{""}
	}
	for _, d := range folders {
		out = append(out,
			File{path.Join(d, "keepalived.conf"), m.conf(kind, from, d)},
			File{path.Join(d, "vigil.yaml"), m.yaml()})
	}
	return out
}

// conf is keepalived.conf of one director.
func (m *model) conf(kind string, from []File, director string) string {
	var b strings.Builder
	var names []string
	for _, f := range from {
		names = append(names, path.Base(f.Name))
	}
	fmt.Fprintf(&b, "# From %s (%s)", strings.Join(names, ", "), kind)
	if director != "" {
		fmt.Fprintf(&b, " for director %s", director)
	}
	b.WriteString("\n")
	top := &block{}
	global := top.open("global_defs")
	if len(m.mailTo) > 0 {
		to := global.open("notification_email")
		for _, a := range m.mailTo {
			to.add("%s", a)
		}
		global.add("notification_email_from %s", cmp.Or(m.mailFrom, m.mailTo[0]))
		global.add("smtp_server %s", cmp.Or(m.smtp, "127.0.0.1"))
		global.add("smtp_connect_timeout 30")
	}
	if director != "" {
		global.add("router_id %s", director)
	}
	for _, l := range m.global {
		global.add("%s", l)
	}
	for i, in := range m.instances {
		in.write(top, director, i)
	}
	for _, s := range m.services {
		top.items = append(top.items, item{"virtual_server " + s.name, &s.body})
	}
	for _, i := range top.items {
		if i.block != nil && len(i.block.items) == 0 {
			continue
		}
		b.WriteByte('\n')
		(&block{[]item{i}}).write(&b, "")
	}
	return b.String()
}

// firstID is the first virtual router id that is given.
const firstID = 51

func (in *instance) write(top *block, director string, i int) {
	b := top.open("vrrp_instance %s", in.name)
	state, priority := "BACKUP", 100
	if in.preferred == director {
		priority = 150
		if !in.nopreempt {
			state = "MASTER"
		}
	}
	b.add("state %s", state)
	b.add("interface %s", in.iface)
	b.add("virtual_router_id %d", firstID+i)
	b.add("priority %d", priority)
	b.add("advert_int %d", in.advert)
	if in.nopreempt {
		b.add("nopreempt")
	}
	for _, l := range in.more {
		b.add("%s", l)
	}
	a := b.open("virtual_ipaddress")
	for _, l := range in.addresses {
		a.add("%s", l)
	}
}

// yaml is vigil.yaml: what keepalived.conf has no words for.
func (m *model) yaml() string {
	out := "# How vigild is observed and run; what it keeps alive is in keepalived.conf.\n"
	if m.folded {
		out += "smtp:\n  # Servers that fail together make one mail, not one each.\n  digest_after: 5\n  digest_wait: 1m\n"
	}
	return out
}

// place is the address and port of a virtual or real server.
type place struct {
	addr netip.Addr
	port uint16
}

// name is ADDRESS PORT, as keepalived.conf has it; without a port for none.
func (p place) name() string {
	if p.port == 0 {
		return p.addr.String()
	}
	return fmt.Sprintf("%s %d", p.addr, p.port)
}

// parsePlace reads ADDRESS:PORT, [ADDRESS]:PORT or either without port; names
// are looked up.
func (m *model) parsePlace(text, protocol string) (place, error) {
	at, err := rules.Place(text, protocol, m.names)
	return place{at.Addr(), at.Port()}, err
}
