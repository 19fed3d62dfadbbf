// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vigild/vigild/engine/event"
)

// Processes counts the processes that match each vrrp_track_process. Where the
// kernel tells of every exec and exit it follows at once, elsewhere (in a
// container) it looks every second.
type Processes struct {
	report func(Report)
	mu     sync.Mutex
	list   []ProcessSettings
	// pids are the matching processes of each entry of list.
	pids []map[int]bool
	last []int
	root string
	stop chan struct{}
	wg   sync.WaitGroup
}

// lookEvery is the time between two looks at /proc where the kernel does not tell.
const lookEvery = time.Second

// NewProcesses returns Processes that count nothing yet.
func NewProcesses(report func(Report)) *Processes {
	return &Processes{report: report, root: "/proc"}
}

// Configure goes over to a new list and reports every count.
func (p *Processes) Configure(list []ProcessSettings) error {
	p.Close()
	p.mu.Lock()
	p.list = slices.Clone(list)
	p.pids = make([]map[int]bool, len(list))
	p.last = make([]int, len(list))
	for i := range p.last {
		p.last[i] = -1
	}
	p.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	p.stop = make(chan struct{})
	told, err := openConnector()
	if err != nil {
		told = nil // compat: keepalived refuses; looking every second serves
	}
	p.look()
	p.wg.Go(func() { p.follow(told) })
	return nil
}

// Close ends the counting.
func (p *Processes) Close() {
	if p.stop == nil {
		return
	}
	close(p.stop)
	p.wg.Wait()
	p.stop = nil
}

func (p *Processes) follow(told *connector) {
	var changes <-chan change
	if told != nil {
		changes = told.changes
		defer told.close()
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	if told != nil {
		// Kept slow, against what an overflow may have hidden.
		ticker.Reset(30 * lookEvery)
	}
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.look()
		case c, ok := <-changes:
			if !ok {
				changes = nil
				ticker.Reset(lookEvery)
				continue
			}
			p.apply(c)
		}
	}
}

// change is one thing the kernel told: a process that began, changed its name
// or ended; pid 0 says that some were missed.
type change struct {
	pid  int
	gone bool
}

func (p *Processes) apply(c change) {
	if c.pid == 0 {
		p.look()
		return
	}
	p.mu.Lock()
	for i := range p.list {
		if !c.gone && p.list[i].matches(p.root, c.pid) {
			p.pids[i][c.pid] = true
		} else {
			delete(p.pids[i], c.pid)
		}
	}
	p.mu.Unlock()
	p.say()
}

// look counts everything anew.
func (p *Processes) look() {
	entries, err := os.ReadDir(p.root)
	if err != nil {
		return // no /proc: nothing is known, and the last count stays
	}
	p.mu.Lock()
	for i := range p.list {
		p.pids[i] = map[int]bool{}
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		for i := range p.list {
			if p.list[i].matches(p.root, pid) {
				p.pids[i][pid] = true
			}
		}
	}
	p.mu.Unlock()
	p.say()
}

func (p *Processes) say() {
	p.mu.Lock()
	var out []Report
	for i := range p.list {
		if n := len(p.pids[i]); n != p.last[i] {
			p.last[i] = n
			out = append(out, Report{
				Subject: event.Subject{Kind: event.SubjectProcess, Name: p.list[i].Name}, Value: int64(n),
			})
		}
	}
	p.mu.Unlock()
	for _, r := range out {
		p.report(r)
	}
}

// commMax is how much of a program's name the kernel keeps.
const commMax = 15

func (c *ProcessSettings) matches(root string, pid int) bool {
	dir := filepath.Join(root, strconv.Itoa(pid))
	if !c.Full {
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			return false
		}
		want := filepath.Base(c.Command)
		if strings.TrimSuffix(string(comm), "\n") != want[:min(len(want), commMax)] {
			return false
		}
		if len(want) <= commMax && c.Match == ParamsIgnored {
			return true
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || len(raw) == 0 {
		return false
	}
	args := strings.Split(string(bytes.TrimSuffix(raw, []byte{0})), "\x00")
	if c.Full && args[0] != c.Command {
		return false
	}
	if !c.Full && filepath.Base(args[0]) != filepath.Base(c.Command) && len(filepath.Base(c.Command)) > commMax {
		return false
	}
	return c.params(args[1:])
}

func (c *ProcessSettings) params(got []string) bool {
	switch c.Match {
	case ParamsIgnored:
		return true
	case ParamsExact:
		return slices.Equal(got, c.Params)
	case ParamsInitial:
		return len(got) >= len(c.Params) && slices.Equal(got[:len(c.Params)], c.Params)
	case ParamsPartial:
		n := len(c.Params)
		if n == 0 {
			return true
		}
		return len(got) >= n && slices.Equal(got[:n-1], c.Params[:n-1]) && strings.HasPrefix(got[n-1], c.Params[n-1])
	}
	return false
}
