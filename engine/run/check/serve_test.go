// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"encoding/json"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
)

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// parent is the other end of the link.
type parent struct {
	t    *testing.T
	link *ipc.Link
	// kept are frames that nobody has wanted yet.
	kept []ipc.Frame
}

// want waits for a frame of a type; others are kept for later.
func (p *parent) want(typ ipc.Type, is func(*ipc.Frame) bool) ipc.Frame {
	p.t.Helper()
	for i, f := range p.kept {
		if f.Type == typ && (is == nil || is(&f)) {
			p.kept = slices.Delete(p.kept, i, i+1)
			return f
		}
	}
	late := time.After(patience)
	for {
		select {
		case f, ok := <-p.link.Frames():
			if !ok {
				p.t.Fatalf("the link ended, want %s", typ)
			}
			if f.Type == typ && (is == nil || is(&f)) {
				return f
			}
			p.kept = append(p.kept, f)
		case <-late:
			p.t.Fatalf("no %s", typ)
		}
	}
}

// generation asks for a configuration to be prepared.
func (p *parent) generation(n int, text string) {
	p.t.Helper()
	file, err := proc.Sealed("generation", []byte(text))
	if err != nil {
		p.t.Fatal(err)
	}
	defer file.Close()
	fd, err := ipc.Dup(file)
	if err != nil {
		p.t.Fatal(err)
	}
	body, err := json.Marshal(role.Preparation{})
	if err != nil {
		p.t.Fatal(err)
	}
	p.link.Send(ipc.Frame{Type: ipc.Prepare, Gen: n, Body: body, FDs: []int{fd}})
	if f := p.want(ipc.Ready, nil); f.Gen != n || f.Error != "" {
		p.t.Fatalf("ready: %+v", f)
	}
}

// TestServe is the life of a check role, as its parent sees it.
func TestServe(t *testing.T) {
	ours, theirs := ipc.Pipe()
	ended := make(chan error, 1)
	settled := make(chan struct{}, 4)
	go func() {
		ended <- Serve(t.Context(), theirs, Options{
			Open: func(o LoopOptions) (Worker, error) {
				o.Plane = NewDry()
				return New(o)
			},
			Load: func(p *role.Prepared) (*Loaded, error) {
				c, _ := config.Parse(p.Image, config.Environment{Hostname: "t"})
				return &Loaded{Settings: &c.Health, Describe: c.Describe}, nil
			},
			Entropy: func() uint64 { return 1 }, Settled: func() { settled <- struct{}{} },
		})
	}()
	p := &parent{t: t, link: ours}
	if f := p.want(ipc.Hello, nil); f.Role != event.RoleCheck || f.Epoch == 0 {
		t.Errorf("hello %+v", f)
	}
	up := listen(t, "127.0.0.1:0")
	misc := " real_server 192.0.2.7 80 {\n  snmp_name seven\n  MISC_CHECK {\n   misc_path /bin/x\n   delay_loop 0.01\n  }\n }\n"
	file := " real_server 192.0.2.8 80 {\n  FILE_CHECK {\n   track_file f\n   weight 0\n  }\n }\n"
	p.generation(1, "track_file f {\n file /x\n}\n"+one(tcp(up.at)+misc+file))
	// A predecessor had the third one down, and it stays so without a word.
	p.link.Send(ipc.Frame{Type: ipc.Input, Resume: []ipc.Resumed{{Name: "tcp/10.9.0.1:80", Sub: "192.0.2.7:80", State: event.Down}}})
	p.link.Send(ipc.Frame{Type: ipc.Input, Ran: &ipc.Ran{Object: event.Subject{Kind: event.SubjectFile, Name: "f"}}})
	p.link.Send(ipc.Frame{Type: ipc.Commit, Gen: 1, Ref: event.Ref{Epoch: 3, Seq: 4}})

	rows := p.want(ipc.Rows, nil)
	text, err := role.Contents(&rows)
	var all []event.Row
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || rows.Role != event.RoleCheck || rows.Gen != 1 || len(all) != 4 || all[2].Server == nil || all[2].Server.SNMPName != "seven" {
		t.Errorf("rows %+v, %v", all, err)
	}
	<-settled
	exec := p.want(ipc.Exec, nil)
	if exec.Name == "" || exec.ID == 0 {
		t.Errorf("exec %+v", exec)
	}
	p.link.Send(ipc.Frame{Type: ipc.ExecDone, ID: exec.ID, Ran: &ipc.Ran{}})
	says := func(sub string, to event.State) func(*ipc.Frame) bool {
		return func(f *ipc.Frame) bool {
			for i := range f.Events {
				if e := &f.Events[i]; e.Kind == event.ServerState && e.Subject.Sub == sub && e.To == to {
					return true
				}
			}
			return false
		}
	}
	p.want(ipc.Events, says("192.0.2.7:80", event.Up))
	p.link.Send(ipc.Frame{Type: ipc.Input, Ran: &ipc.Ran{Object: event.Subject{Kind: event.SubjectFile, Name: "f"}, Value: 1}})
	p.want(ipc.Events, says("192.0.2.8:80", event.Down))

	seven := event.Subject{Kind: event.SubjectRealServer, Name: "tcp/10.9.0.1:80", Sub: "192.0.2.7:80"}
	weighs := func(reason event.Reason, now int64) {
		t.Helper()
		p.link.Send(ipc.Frame{Type: ipc.Input, Ran: &ipc.Ran{Object: seven, Value: 4, Reason: reason}})
		p.want(ipc.Events, func(f *ipc.Frame) bool {
			for i := range f.Events {
				if e := &f.Events[i]; e.Subject == seven && e.Reason == event.Admin && e.Evidence.Check.WeightNow == now {
					return true
				}
			}
			return false
		})
	}
	weighs(event.ReasonNone, 4)
	weighs(event.Reload, 1)

	p.link.Send(ipc.Frame{Type: ipc.TallyPlease, ID: 9})
	counted := p.want(ipc.Tallies, nil)
	message, err := role.Contents(&counted)
	var c event.Counters
	if err == nil {
		err = c.Add(message)
	}
	if err != nil || counted.Role != event.RoleCheck || len(c.Servers) != 3 || !c.HasPool {
		t.Errorf("counters %+v, %v", c, err)
	}
	if f := p.want(ipc.Result, nil); f.ID != 9 || f.Name != role.ResultTally {
		t.Errorf("result %+v", f)
	}
	p.link.Send(ipc.Frame{Type: ipc.Command, ID: 10, Name: CommandTable})
	table := p.want(ipc.Result, nil)
	if text, err := role.Contents(&table); err != nil || table.ID != 10 || !json.Valid(text) || len(text) < 100 {
		t.Errorf("table %s, %v", text, err)
	}
	p.link.Send(ipc.Frame{Type: ipc.SnapshotPlease})
	p.want(ipc.Events, func(f *ipc.Frame) bool { return f.Snapshot && f.Final && len(f.Events) == 4 })
	// A generation without servers: they go with a word of each, and then the role.
	p.link.Send(ipc.Frame{Type: ipc.Commit, Ref: event.Ref{Epoch: 3, Seq: 9}})
	p.want(ipc.Events, says("192.0.2.7:80", event.Deleted))
	p.link.Send(ipc.Frame{Type: ipc.Bye})
	p.want(ipc.Bye, nil)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestServeDraft: what was made of a draft is used for a generation of the same text, once, and for no other.
func TestServeDraft(t *testing.T) {
	ours, theirs := ipc.Pipe()
	ended := make(chan error, 1)
	loads := make(chan any, 8)
	go func() {
		ended <- Serve(t.Context(), theirs, Options{
			Open: func(o LoopOptions) (Worker, error) {
				o.Plane = NewDry()
				return New(o)
			},
			Draft: func(image []byte) any { return "of " + string(image) },
			Load: func(p *role.Prepared) (*Loaded, error) {
				loads <- p.Draft
				return &Loaded{Settings: &health.Settings{}, Describe: func([]event.Row) {}}, nil
			},
			Entropy: func() uint64 { return 1 },
		})
	}()
	p := &parent{t: t, link: ours}
	p.want(ipc.Hello, nil)
	draft := func(text string) {
		f := ipc.Frame{Type: ipc.Prepare}
		if text != "" {
			file, err := proc.Sealed("draft", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			fd, err := ipc.Dup(file)
			if err != nil {
				t.Fatal(err)
			}
			f.FDs = []int{fd}
		}
		p.link.Send(f)
	}
	for i, c := range []struct {
		drafts []string
		text   string
		want   any
	}{
		{[]string{"a"}, "a", "of a"},
		{nil, "a", nil}, // it was used
		{[]string{"a"}, "b", nil},
		{nil, "a", nil}, // it was of no use
		{[]string{"a", "b"}, "b", "of b"},
		{[]string{"a", ""}, "a", nil}, // it was taken back
	} {
		for _, text := range c.drafts {
			draft(text)
		}
		p.generation(i+1, c.text)
		if got := <-loads; got != c.want {
			t.Errorf("case %d: made of %v, want %v", i, got, c.want)
		}
	}
	p.link.Send(ipc.Frame{Type: ipc.Bye})
	p.want(ipc.Bye, nil)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestServeRefuses what is no frame for it.
func TestServeRefuses(t *testing.T) {
	for _, bad := range []ipc.Frame{{Type: ipc.Ack}, {Type: ipc.Command, Name: "nothing"}, {Type: ipc.Exec}} {
		ours, theirs := ipc.Pipe()
		ended := make(chan error, 1)
		go func() {
			ended <- Serve(t.Context(), theirs, Options{Open: func(o LoopOptions) (Worker, error) {
				o.Plane = NewDry()
				return New(o)
			}})
		}()
		p := &parent{t: t, link: ours}
		p.want(ipc.Hello, nil)
		p.link.Send(bad)
		if f := p.want(ipc.Bye, nil); f.Error == "" {
			t.Errorf("%s: no word of it", bad.Type)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
