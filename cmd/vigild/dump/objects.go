// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"fmt"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/engine/vrrp"
)

// tracks are what an instance follows, one list for each kind.
func (s *Source) tracks(p *page, set *vrrp.InstanceSettings) {
	for _, k := range []struct {
		kind  event.SubjectKind
		title string
		comma string
	}{
		{event.SubjectInterface, "Tracked interfaces :", ""},
		{event.SubjectScript, "Tracked scripts :", ""},
		{event.SubjectFile, "Tracked files :", ","},
		{event.SubjectProcess, "Tracked processes :", ","},
		{event.SubjectBFD, "Tracked BFDs :", ","},
	} {
		var lines []string
		for _, t := range set.Tracks {
			if t.Kind == k.kind {
				lines = append(lines, fmt.Sprintf("%s%s weight %d%s", t.Name, k.comma, t.Weight, word(t.Reverse, " reverse", "")))
			}
		}
		p.list(k.title, lines)
	}
}

// trackers are the instances that follow an object.
func (s *Source) trackers(kind event.SubjectKind, name string) []string {
	var out []string
	for i := range s.Config.VRRP.Instances {
		set := &s.Config.VRRP.Instances[i]
		for _, t := range set.Tracks {
			if t.Kind == kind && t.Name == name {
				out = append(out, fmt.Sprintf("%s, weight %d%s", set.Name, t.Weight, word(t.Reverse, " reverse", "")))
			}
		}
	}
	return out
}

// followers writes them; the title stands there even if there are none.
func (s *Source) followers(p *page, title string, kind event.SubjectKind, name string) {
	p.line(2, "%s", title)
	for _, l := range s.trackers(kind, name) {
		p.line(3, "%s", l)
	}
}

func (s *Source) object(subject event.Subject) *ledger.Object {
	for _, o := range s.View.Objects {
		if o.Subject == subject {
			return o
		}
	}
	return nil
}

func (s *Source) objects(p *page) {
	if len(s.View.Scripts) > 0 {
		p.head("VRRP Scripts")
		for _, x := range s.View.Scripts {
			s.script(p, x)
		}
	}
	if len(s.View.Files) > 0 {
		p.head("VRRP Track files")
		for _, row := range s.View.Files {
			s.file(p, row)
		}
	}
	if len(s.View.Processes) > 0 {
		p.head("VRRP Track processes")
		for i, x := range s.processes() {
			s.process(p, s.View.Processes[i], &x)
		}
	}
	s.sessions(p)
}

func (s *Source) script(p *page, x *ledger.Script) {
	row := &x.Row
	initially := "unknown"
	for _, v := range s.Config.VRRP.Scripts {
		if v.Name == row.Subject.Name && v.InitFail {
			initially = "failed"
		}
	}
	p.line(1, "VRRP Script = %s", row.Subject.Name)
	p.line(2, "Command = %s", row.Command)
	p.line(2, "Interval = %d sec", int(row.Interval/time.Second))
	p.line(2, "Timeout = %d sec", int(row.Timeout/time.Second))
	p.line(2, "Weight = %d%s", row.Weight, word(row.Reverse, " reverse", ""))
	p.line(2, "Rise = %d", row.Rise)
	p.line(2, "Fall = %d", row.Fall)
	p.line(2, "Result = %d", bit(x.State == event.Up))
	p.line(2, "Insecure = no") // one that is insecure is not run, and not shown
	p.line(2, "Init state = %s", initially)
	status := "INIT"
	switch x.State { //nolint:exhaustive // the states that a script has
	case event.Up:
		status = "GOOD"
	case event.Down:
		status = "BAD"
	}
	p.line(2, "Status = %s", status)
	p.line(2, "VRRP instances :")
	s.followers(p, "Tracking instances :", event.SubjectScript, row.Subject.Name)
	p.line(2, "State = idle")
}

func (s *Source) file(p *page, row *event.FileRow) {
	p.line(1, "Track file = %s", row.Subject.Name)
	p.line(2, "File = %s", row.Path)
	value := int64(0)
	if o := s.object(row.Subject); o != nil {
		value = o.Value
	}
	p.line(2, "Status = %d", value)
	p.line(2, "Weight = %d%s", row.Weight, word(row.Reverse, " reverse", ""))
	s.followers(p, "Tracking instances :", event.SubjectFile, row.Subject.Name)
}

func (s *Source) process(p *page, row *event.ProcessRow, x *process) {
	p.line(1, "VRRP Track process = %s", row.Subject.Name)
	p.line(2, "Process = %s", row.Command)
	if row.Params != "" {
		p.line(2, "Parameters = %s", row.Params)
		p.line(2, "Param match = %s", x.ParamMatch)
	}
	p.line(2, "Min processes = %d", x.Min)
	if row.QuorumMax >= 0 {
		p.line(2, "Max processes = %d", x.Max)
	}
	p.line(2, "Current processes = %d", x.Current)
	p.line(2, "Have quorum = %t", x.HaveQuorum)
	p.line(2, "Weight = %d%s", row.Weight, word(row.Reverse, " reverse", ""))
	p.line(2, "Terminate delay = %fs", x.TerminateDelay)
	p.line(2, "Fork delay = %fs", x.ForkDelay)
	p.line(2, "Fork delay timer not running")
	p.line(2, "Terminate delay timer not running")
	p.line(2, "Full command = %t", row.FullCommand)
	s.followers(p, "Tracking instances :", event.SubjectProcess, row.Subject.Name)
}

func (s *Source) sessions(p *page) {
	first := true
	for _, o := range s.View.Objects {
		if o.Subject.Kind != event.SubjectBFD {
			continue
		}
		if first {
			p.head("VRRP Track BFDs")
			first = false
		}
		p.line(1, "VRRP Track BFD = %s", o.Subject.Name)
		weight := 0
		for i := range s.Config.BFD {
			if i < len(s.Config.Sessions) && s.Config.Sessions[i].Name == o.Subject.Name {
				weight = s.Config.BFD[i].Weight
			}
		}
		p.line(2, "Weight = %d", weight)
		p.line(2, "Bfd is %s", word(o.State == event.Up, "up", "down"))
		s.followers(p, "Tracking VRRP instances :", event.SubjectBFD, o.Subject.Name)
	}
}

func (s *Source) iface(p *page, row *event.InterfaceRow) {
	p.line(1, "Name = %s", row.Name)
	p.line(2, "index = %d", row.IfIndex)
	if s.Primary != nil {
		for _, f := range []struct {
			title  string
			family uint8
		}{{"IPv4", 4}, {"IPv6", 6}} {
			text := "(none)"
			if a := s.Primary(row.Name, f.family); a.IsValid() {
				text = a.String()
			}
			p.line(2, "%s address = %s", f.title, text)
		}
	}
	if row.MAC != "" {
		p.line(2, "MAC = %s", row.MAC)
	}
	p.line(2, "State = %s", word(row.Up, "UP, RUNNING", "DOWN"))
	for _, d := range s.Config.VRRP.LinkDelays {
		if d.Interface == row.Name {
			p.line(2, "Up debounce timer = %dus", d.Up.Microseconds())
			p.line(2, "Down debounce timer = %dus", d.Down.Microseconds())
		}
	}
	var users []string
	for i := range s.Config.VRRP.Instances {
		if set := &s.Config.VRRP.Instances[i]; set.Face() == row.Name && !set.DontTrackPrimary {
			users = append(users, set.Name+", weight 0")
		}
	}
	users = append(users, s.trackers(event.SubjectInterface, row.Name)...)
	p.list("Tracking VRRP instances :", users)
}
