// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// planned is what vigilctl plan --json says, as far as it is compared.
type planned struct {
	Impact      string                        `json:"impact"`
	Dangers     []string                      `json:"dangers"`
	Instances   []struct{ Name, What string } `json:"instances"`
	Transitions []plannedTransition           `json:"transitions"`
	Later       []plannedTransition           `json:"later"`
	Moves       []struct {
		Instance, Kind, Text string
		Add                  bool
	} `json:"moves"`
	Zeros int `json:"zero_adverts"`
	ARPs  int `json:"gratuitous_arps"`
}

type plannedTransition struct {
	Subject          struct{ Name string }
	From, To, Reason string
}

func (p plannedTransition) String() string {
	return fmt.Sprintf("%s %s->%s %s", p.Subject.Name, p.From, p.To, p.Reason)
}

// planConf is one instance after another, each given as NAME VRID PRIORITY REPEAT ADDRESS...
func planConf(instances ...string) string {
	var b strings.Builder
	for _, text := range instances {
		w := strings.Fields(text)
		fmt.Fprintf(&b, "vrrp_instance %s {\n interface eth0\n virtual_router_id %s\n version 3\n advert_int 1\n priority %s\n"+
			" garp_master_repeat %s\n garp_master_delay 60\n virtual_ipaddress {\n  %s\n }\n}\n", w[0], w[1], w[2], w[3], strings.Join(w[4:], "\n  "))
	}
	return b.String()
}

// TestPlan plans a reload of a router that runs beside another one, and holds
// the reload to the plan: transitions, adverts of priority 0, gratuitous ARPs
// and addresses. What has too much impact, or cannot be run, changes nothing.
func TestPlan(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	w := l.Wire()
	a, b := l.Router("a", w), l.Router("b", w)
	b.Start(lab.Vigild, planConf("VI_1 1 120 2 10.0.9.1")).Wait("VI_1", lab.Master, starting)
	d := a.Start(lab.Vigild, planConf("VI_1 1 100 2 10.0.9.1", "VI_2 2 100 2 10.0.9.2 10.0.9.3", "VI_3 3 100 2 10.0.9.4"))
	d.Wait("VI_3", lab.Master, starting)
	d.Wait("VI_2", lab.Master, starting)
	text, err := os.ReadFile(d.Conf)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "}\n")
	next := l.File("next.conf", head+"}\n"+planConf("VI_1 1 150 2 10.0.9.1", "VI_2 2 100 2 10.0.9.2 10.0.9.5", "VI_5 5 100 2 10.0.9.6"), 0o644)
	ctl := func(args ...string) (string, error) {
		return a.Try(append([]string{lab.Binary(t, "vigilctl"), "--socket", d.Socket}, args...)...)
	}
	var p planned
	// What a BACKUP has heard is in counters that are fresh once a second.
	lab.Until(t, soon, "the plan knows the master", func() bool {
		p = planned{}
		out, err := ctl("plan", next, "--json")
		if err != nil || json.Unmarshal([]byte(out), &p) != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return len(p.Later) > 0 && p.Later[0].Reason == "preempt"
	})
	if p.Impact != "transitions" || len(p.Dangers) > 0 {
		t.Errorf("impact %s, dangers %q", p.Impact, p.Dangers)
	}

	out, err := ctl("reload", next, "--max-impact=addresses")
	if err == nil || !strings.Contains(out, "the impact is transitions") || len(lines(d, "config.loaded", "")) != 1 {
		t.Errorf("too much impact: %v: %s", err, out)
	}
	wrong := l.File("wrong.conf", "vrrp_instance X {\n", 0o644)
	if out, err := ctl("reload", wrong); err == nil || len(lines(d, "config.loaded", "")) != 1 {
		t.Errorf("a file that cannot be run: %v: %s", err, out)
	}
	if same, _ := os.ReadFile(d.Conf); string(same) != string(text) {
		t.Error("a reload that was refused changed the file")
	}

	heard := w.Capture()
	if out, err := ctl("reload", next); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	d.Wait("VI_1", lab.Master, starting)
	d.Wait("VI_5", lab.Master, starting)
	if was, err := os.ReadFile(d.Conf + ".previous"); err != nil || string(was) != string(text) {
		t.Errorf("the previous file: %v", err)
	}
	if !strings.Contains(d.Said(), "asked for by uid 0") {
		t.Errorf("who asked is not told: %q", lines(d, "config.loaded", ""))
	}

	var want []string
	for _, x := range append(slices.Clone(p.Transitions), p.Later...) {
		want = append(want, x.String())
	}
	slices.Sort(want)
	// The log may come after the FIFO.
	lab.Until(t, soon, "all transitions are in the log", func() bool { return len(transitionsSince(d)) >= len(want) })
	if got := transitionsSince(d); !slices.Equal(got, want) {
		t.Errorf("transitions\n%q, planned were\n%q", got, want)
	}
	added := map[netip.Addr]bool{}
	for _, m := range p.Moves {
		at := netip.MustParsePrefix(m.Text).Addr()
		added[at] = m.Add
		if a.Has("eth0", at) != m.Add {
			t.Errorf("%s is there: %t, planned was %t", at, !m.Add, m.Add)
		}
	}
	frames := heard.Pick(func(f *lab.Frame) bool { return f.ARP != nil && added[f.Announced()] })
	if len(frames) != p.ARPs {
		t.Errorf("%d gratuitous ARPs of what was added, planned were %d", len(frames), p.ARPs)
	}
	zeros := heard.Adverts(func(v *lab.Advert) bool { return v.Src == a.Addr4(0) && v.Priority == 0 })
	if len(zeros) != p.Zeros {
		t.Errorf("%d adverts of priority 0, planned were %d", len(zeros), p.Zeros)
	}
}

// transitionsSince are the transitions of instances after the last reload, sorted.
func transitionsSince(d *lab.Daemon) (out []string) {
	loaded := false
	for line := range strings.SplitSeq(d.Said(), "\n") {
		var e struct {
			Msg, Subject, From, To, Reason string
		}
		if json.Unmarshal([]byte(line), &e) != nil {
			continue
		}
		switch {
		case e.Msg == "config.loaded":
			if loaded {
				out = []string{} // the second is the reload
			}
			loaded = true
		case e.Msg == "vrrp.state" && out != nil:
			p := plannedTransition{From: e.From, To: e.To, Reason: e.Reason}
			p.Subject.Name = strings.TrimPrefix(e.Subject, "vrrp_instance/")
			out = append(out, p.String())
		}
	}
	slices.Sort(out)
	return out
}
