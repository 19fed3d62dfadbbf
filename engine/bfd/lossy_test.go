// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
)

var update = flag.Bool("update", false, "write the transcripts anew")

// flight is a packet on the wire.
type flight struct {
	at      event.Instant
	to      int
	payload [Len]byte
}

// pair is two Tables, a and b, and the wire between them.
type pair struct {
	now    event.Instant
	tables [2]*Table
	sets   [2]Settings
	addrs  [2]netip.Addr
	wire   []flight
	rand   *rand.Rand
	// loss and copies are in percent, each way; delay and spread shape the way.
	loss          [2]int
	copies        int
	delay, spread time.Duration
	frozen        [2]bool
	sent          [2]int
	// kept is what each left for a successor last.
	kept  [2]Resumed
	lines []string
}

func newPair(seed uint64) *pair {
	p := &pair{now: event.Instant(time.Second), rand: rand.New(rand.NewPCG(seed, 1)), addrs: [2]netip.Addr{here, there}, delay: ms}
	for i := range p.sets {
		p.sets[i] = settings()
		p.sets[i].Neighbor = p.addrs[1-i]
	}
	return p
}

func (p *pair) step(i int, now event.Instant, in Input) {
	var out Output
	if p.tables[i] == nil {
		p.tables[i] = New(uint64(i+1), p.rand.Uint64())
	}
	p.tables[i].Step(now, in, &out)
	for _, e := range out.Events {
		line := fmt.Sprintf("%09.3f %c %v->%v", time.Duration(e.At-event.Instant(time.Second)).Seconds(), 'a'+i, e.From, e.To)
		if e.Reason != event.ReasonNone {
			line += " reason=" + e.Reason.String()
		}
		if e.Reason == event.FailTimeout && e.Evidence.N > 0 {
			line += fmt.Sprintf(" silent=%v allowed=%v", e.At.Sub(e.Evidence.Heard[0].At), e.Evidence.Detection)
		}
		if e.Detail != "" {
			line += " (" + e.Detail + ")"
		}
		p.lines = append(p.lines, line)
	}
	for _, y := range out.Kept {
		p.kept[i] = Resumed{
			Name: y.Subject.Name, Local: y.Local, Remote: y.Remote, Multiplier: y.RemoteMultiplier, MinTx: y.RemoteMinTx, MinRx: y.RemoteMinRx,
		}
	}
	for _, s := range out.Sends {
		p.sent[i]++
		for n := 0; n < 1 || n < 2 && p.rand.IntN(100) < p.copies; n++ {
			if p.rand.IntN(100) < p.loss[i] {
				continue
			}
			way := p.delay + time.Duration(p.rand.Int64N(int64(p.spread)+1))
			p.wire = append(p.wire, flight{max(now, p.now).Add(way), 1 - i, s.Payload})
		}
	}
}

// run lets time pass: packets arrive and timers fire in order.
func (p *pair) run(d time.Duration) {
	end := p.now.Add(d)
	for {
		slices.SortStableFunc(p.wire, func(x, y flight) int { return cmp.Compare(x.at, y.at) })
		next, who := end+1, -1
		for i, t := range p.tables {
			if t == nil || p.frozen[i] {
				continue
			}
			if at, ok := t.Deadline(); ok && at < next {
				next, who = at, i
			}
		}
		k := slices.IndexFunc(p.wire, func(f flight) bool { return !p.frozen[f.to] })
		if k >= 0 && p.wire[k].at <= min(max(next, p.now), end) {
			f := p.wire[k]
			p.wire = slices.Delete(p.wire, k, k+1)
			p.now = max(p.now, f.at)
			if p.tables[f.to] != nil {
				p.step(f.to, f.at, &Packet{Source: p.addrs[1-f.to], Dest: p.addrs[f.to], TTL: 255, Payload: f.payload[:]})
			}
			continue
		}
		if next > end {
			p.now = end
			return
		}
		p.now = max(p.now, next)
		p.step(who, p.now, Tick{})
	}
}

// play does one line of a script.
func (p *pair) play(line string) error {
	w := strings.Fields(line)
	duration := func(s string) time.Duration {
		d, err := time.ParseDuration(s)
		if err != nil {
			panic(err)
		}
		return d
	}
	percent := func(s string) int {
		n, err := strconv.Atoi(strings.TrimSuffix(s, "%"))
		if err != nil {
			panic(err)
		}
		return n
	}
	switch w[0] {
	case "a", "b":
		return p.peer(int(w[0][0]-'a'), w[1:], duration)
	case "run":
		p.run(duration(w[1]))
	case "loss":
		p.loss = [2]int{percent(w[1]), percent(w[2])}
	case "copies":
		p.copies = percent(w[1])
	case "delay":
		p.delay, p.spread = duration(w[1]), duration(w[2])
	case "rate":
		// How many packets each sends in a while, to a tenth of the count.
		before := p.sent
		p.run(duration(w[1]))
		p.lines = append(p.lines, fmt.Sprintf("%s: a sends about %d, b about %d", w[1], (p.sent[0]-before[0])/10*10, (p.sent[1]-before[1])/10*10))
	default:
		return fmt.Errorf("what is %q?", line)
	}
	return nil
}

func (p *pair) peer(i int, w []string, duration func(string) time.Duration) error {
	switch w[0] {
	case "freeze", "thaw":
		p.frozen[i] = w[0] == "freeze"
	case "stop":
		p.step(i, p.now, Stop{})
	case "dies":
		p.tables[i] = nil
	case "start":
		set := &p.sets[i]
		c := &Configure{}
		for _, word := range w[1:] {
			key, value, _ := strings.Cut(word, "=")
			switch key {
			case "rx":
				set.MinRx = duration(value)
			case "tx":
				set.MinTx = duration(value)
			case "mult":
				n, err := strconv.Atoi(value)
				if err != nil {
					return err
				}
				set.Multiplier = uint8(n)
			case "passive":
				set.Passive = true
			case "again":
				c.Up = []Resumed{{Name: set.Name}}
			case "resumed":
				c.Up = []Resumed{p.kept[i]}
			default:
				return fmt.Errorf("what is %q?", word)
			}
		}
		c.Sessions = []Settings{*set}
		p.step(i, p.now, c)
	}
	return nil
}

// TestTranscripts plays testdata/*.txt: a script, a line of dashes, and what
// both sides say.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(text), "----\n")
			p := newPair(1)
			for line := range strings.Lines(script) {
				if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
					continue
				}
				if err := p.play(line); err != nil {
					t.Fatal(err)
				}
			}
			got := strings.Join(p.lines, "\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(script+"----\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// TestLaws: whatever the wire does, once it is well for a while both sides are
// up; and once it is cut both are down within their detection time.
func TestLaws(t *testing.T) {
	for seed := range uint64(200) {
		p := newPair(seed)
		r := rand.New(rand.NewPCG(seed, 2))
		for i := range p.sets {
			set := &p.sets[i]
			set.MinRx, set.MinTx = time.Duration(5+r.IntN(300))*ms, time.Duration(5+r.IntN(300))*ms
			set.Multiplier, set.Passive = uint8(2+r.IntN(5)), i == 0 && r.IntN(3) == 0
			p.step(i, p.now, &Configure{Sessions: []Settings{*set}})
		}
		for range 4 {
			p.loss = [2]int{r.IntN(101), r.IntN(101)}
			p.copies, p.delay, p.spread = r.IntN(50), time.Duration(r.IntN(20))*ms, time.Duration(r.IntN(200))*ms
			p.run(time.Duration(r.IntN(10_000)) * ms)
		}
		p.loss, p.copies, p.delay, p.spread = [2]int{}, 0, 2*ms, 0
		p.run(15 * time.Second)
		for i, table := range p.tables {
			if v := table.Sessions()[0]; v.State != Up || v.Polling {
				t.Errorf("seed %d: %c is %v, polling %v, on a wire that is well\n%s", seed, 'a'+i, v.State, v.Polling, strings.Join(p.lines, "\n"))
			}
		}
		p.loss = [2]int{100, 100}
		p.run(2 * ms)
		for i, table := range p.tables {
			detection := table.sessions[0].detection()
			agreed := time.Duration(p.sets[1-i].Multiplier) * max(p.sets[i].MinRx, p.sets[1-i].MinTx)
			if detection != agreed {
				t.Errorf("seed %d: %c has a detection time of %v, not %v", seed, 'a'+i, detection, agreed)
			}
		}
		p.run(max(p.tables[0].sessions[0].detection(), p.tables[1].sessions[0].detection()))
		for i, table := range p.tables {
			if v := table.Sessions()[0]; v.State != Down {
				t.Errorf("seed %d: %c is %v on a wire that is cut", seed, 'a'+i, v.State)
			}
		}
	}
}
