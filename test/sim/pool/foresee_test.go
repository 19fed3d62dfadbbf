// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/health"
	rehearsed "github.com/vigild/vigild/engine/plan"
)

// TestForesight holds plans to what reloads then do: random virtual servers
// with servers that are well and not, a random other configuration, and the
// plan, made from what exits show, has to say each change of the kernel's table
// and each transition.
func TestForesight(t *testing.T) {
	seen := map[string]int{}
	for n := *begin; n < *begin+uint64(*runs); n++ {
		if lines, err := foresee(n, seen); err != nil {
			t.Fatalf("run %d: %v\n%s", n, err, strings.Join(lines, "\n"))
		}
	}
	for _, what := range []string{"add_service", "del_service", "edit_service", "add_dest", "del_dest", "edit_dest", "UP->DELETED", "DOWN->DELETED"} {
		if seen[what] == 0 {
			t.Errorf("no run was about %s: %v", what, seen)
		}
	}
}

func foresee(n uint64, seen map[string]int) (lines []string, err error) {
	g := &gambler{Rand: rand.New(rand.NewPCG(n, 7))}
	p := newPlayer()
	p.world.log.off = true
	play := func(text string) {
		if err == nil {
			lines = append(lines, text)
			err = p.command(strings.Fields(text))
		}
	}
	// A brake remembers what nobody else does, and the weight in the pool is not
	// told apart by what made it: a resting server with none is taken for failed.
	plain := func(text string) string {
		words := strings.Fields(strings.ReplaceAll(text, "weight=0", "weight=1"))
		return strings.Join(slices.DeleteFunc(words, func(s string) bool { return strings.HasPrefix(s, "brake=") }), " ")
	}
	service := func(key string) string { return plain(g.service(key)) }
	for _, s := range services[:1+g.IntN(3)] {
		play(service(s))
		for range 1 + g.IntN(4) {
			play(plain(g.server()))
		}
	}
	for _, text := range []string{"addr add 10.0.0.1", "addr add 10.0.0.2", "file f 1", "file g 1", "bfd s up", "run 60s"} {
		play(text)
	}
	for range 1 + g.IntN(3) {
		play(fmt.Sprintf("fail r%d connect_refused", 1+g.IntN(5)))
	}
	play("run 130s")
	if err != nil {
		return lines, err
	}
	old, err := p.plan.settings()
	if err != nil {
		return lines, err
	}
	for range 1 + g.IntN(3) {
		switch g.IntN(4) {
		case 0:
			play(fmt.Sprintf("remove %s", g.one(services...)))
		case 1:
			play(fmt.Sprintf("remove r%d", 1+g.IntN(5)))
		default:
			play(service(g.one(services...)))
			play(plain(g.server()))
		}
		if err != nil {
			err = nil // it was not there
			lines = lines[:len(lines)-1]
		}
	}
	next, err := p.plan.settings()
	if err != nil {
		return lines, err
	}
	w := p.world
	state := &rehearsed.State{Known: true, Present: w.present, Objects: []rehearsed.Object{
		{Kind: event.SubjectFile, Name: "f", State: event.Up, Value: 1},
		{Kind: event.SubjectFile, Name: "g", State: event.Up, Value: 1},
		{Kind: event.SubjectBFD, Name: "s", State: event.Up},
	}}
	for _, r := range w.states() {
		state.Servers = append(state.Servers, rehearsed.Server{Subject: r.Server, State: r.State, Weight: r.Weight, HasWeight: r.HasWeight})
	}
	foreseen := rehearsed.Make(rehearsed.Settings{Health: old}, rehearsed.Settings{Health: next}, state)
	before, said := w.kernel.read(), len(w.events)
	play("reload")
	got := append(tableChanges(before, w.kernel.read()), transitions(w.events[said:])...)
	var want []string
	for _, o := range foreseen.Operations {
		want = append(want, change(o.Kind, o.Server, o.Weight))
	}
	for _, t := range foreseen.Transitions {
		want = append(want, fmt.Sprintf("%s %v->%v", t.Subject, t.From, t.To))
	}
	slices.Sort(got)
	slices.Sort(want)
	for _, line := range got {
		word := strings.Fields(line)
		seen[word[0]]++
		seen[word[len(word)-1]]++
	}
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("it did\n%s\nforeseen was\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	return lines, err
}

// change is one change of the kernel's table in words.
func change(kind event.IPVSOp, server string, weight int32) string {
	if kind == event.IPVSDelDest || server == "" {
		weight = 0
	}
	return fmt.Sprintf("%v %s %d", kind, server, weight)
}

// tableChanges is what became of a table.
func tableChanges(before, after health.Table) (out []string) {
	was := map[health.ServiceKey]*health.Entry{}
	for i := range before {
		was[before[i].Service.ServiceKey] = &before[i]
	}
	for i := range after {
		e := &after[i]
		b := was[e.Service.ServiceKey]
		delete(was, e.Service.ServiceKey)
		if b == nil {
			out = append(out, change(event.IPVSAddService, "", 0))
			b = &health.Entry{Service: e.Service}
		}
		if b.Service != e.Service {
			out = append(out, change(event.IPVSEditService, "", 0))
		}
		for _, o := range health.Diff(health.Table{*e}, health.Table{{Service: e.Service, Dests: b.Dests}}) {
			out = append(out, change(o.Kind, o.Dest.Addr.String(), o.Dest.Weight))
		}
	}
	for range was {
		out = append(out, change(event.IPVSDelService, "", 0))
	}
	return out
}

// transitions are those of servers and quorums.
func transitions(list []event.Event) (out []string) {
	for i := range list {
		e := &list[i]
		if (e.Kind == event.ServerState || e.Kind == event.ServiceQuorum) && e.From != e.To {
			out = append(out, fmt.Sprintf("%s %v->%v", e.Subject, e.From, e.To))
		}
	}
	return out
}
