// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package parent

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ipc"
	"github.com/vigild/vigild/engine/sys/proc"
)

// Goroutines runs the workers as goroutines of this process, over channels
// (--single): for tests and for a debugger.
type Goroutines map[event.Role]func(ctx context.Context, link *ipc.Link) error

// Launch starts a worker.
func (g Goroutines) Launch(role event.Role, _ *Generation) (*Running, error) {
	work := g[role]
	if work == nil {
		return nil, fmt.Errorf("no role %s in this process", role)
	}
	ours, theirs := ipc.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var exit proc.Exit
	var mu sync.Mutex
	ended := func(x proc.Exit) {
		mu.Lock()
		defer mu.Unlock()
		if !isClosed(done) {
			exit = x
			close(done)
		}
	}
	go func() {
		defer cancel()
		err := work(ctx, theirs)
		theirs.Close()
		x := proc.Exit{}
		if err != nil {
			x = proc.Exit{Status: -1, Err: err}
		}
		ended(x)
	}()
	return &Running{
		Link: ours, Done: done,
		Exit: func() proc.Exit { <-done; return exit },
		Signal: func(s syscall.Signal) error {
			cancel()
			if s == syscall.SIGKILL {
				// A goroutine cannot be killed. It has lost its link and is
				// counted as gone.
				go theirs.Close()
				ended(proc.Exit{Status: -1, Signal: s})
			}
			return nil
		},
	}, nil
}

// Processes runs the workers as processes: the same binary with other
// arguments.
type Processes struct {
	// Command makes the command of a role from a generation. The link becomes
	// its first extra file, descriptor 3; Launch closes those that were there.
	Command func(role event.Role, g *Generation) (*proc.Command, error)
}

// Launch starts a worker.
func (l *Processes) Launch(role event.Role, g *Generation) (*Running, error) {
	cmd, err := l.Command(role, g)
	if err != nil {
		return nil, fmt.Errorf("start role %s: %w", role, err)
	}
	ours, theirs, err := ipc.SocketPair()
	if err != nil {
		return nil, fmt.Errorf("start role %s: %w", role, err)
	}
	defer theirs.Close()
	defer func(handed []*os.File) {
		for _, f := range handed {
			f.Close()
		}
	}(cmd.Files)
	cmd.Files = append([]*os.File{theirs}, cmd.Files...)
	p, err := proc.Start(cmd)
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("start role %s: %w", role, err)
	}
	link, err := ipc.Socket(ours)
	if err != nil {
		p.Stop(0)
		return nil, fmt.Errorf("start role %s: %w", role, err)
	}
	return &Running{Link: link, PID: p.PID, Denied: p.Denied, Done: p.Done(), Exit: p.Wait, Signal: p.Signal}, nil
}
