// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vigild/vigild/cmd/vigild/cmdline"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
)

// runDir is where pid files are unless the command line says otherwise (compat).
const runDir = "/run"

// ErrRunning is a second copy.
var ErrRunning = errors.New("daemon is already running")

// PIDFile is a file with a pid in it, locked as long as its owner lives.
type PIDFile struct {
	path string
	file *os.File
}

// LockPID makes a pid file and locks it. ErrRunning says that somebody has.
func LockPID(path string) (*PIDFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrRunning
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("pid file %s: %w", path, err)
	}
	return &PIDFile{path, f}, nil
}

// Write puts a pid in.
func (p *PIDFile) Write(pid int) error {
	text := strconv.Itoa(pid) + "\n"
	if err := p.file.Truncate(int64(len(text))); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	if _, err := p.file.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}

// Remove takes the file away and unlocks it.
func (p *PIDFile) Remove() {
	// Nothing can be done about a file that somebody else took away.
	_ = os.Remove(p.path)
	p.file.Close()
}

// PIDPaths are the places of the pid files (compat: beside each other in /run,
// or in a folder with names of their own when there may be several daemons).
func PIDPaths(o *cmdline.Options, g *config.Global) map[event.Role]string {
	dir, suffix := runDir, Suffix(o, g)
	if suffix != "" || g.UsePidDir {
		dir = filepath.Join(runDir, "keepalived")
	}
	out := map[event.Role]string{
		event.RoleParent:  filepath.Join(dir, "keepalived"+suffix+".pid"),
		event.RoleVRRP:    filepath.Join(dir, "vrrp"+suffix+".pid"),
		event.RoleCheck:   filepath.Join(dir, "checkers"+suffix+".pid"),
		event.RoleBFD:     filepath.Join(dir, "bfd"+suffix+".pid"),
		event.RoleObserve: filepath.Join(dir, "vigild-observe"+suffix+".pid"),
	}
	if o.Shadow {
		// Those of the daemon that is observed are there already.
		for r, path := range out {
			out[r] = filepath.Join(dir, "vigild-shadow-"+filepath.Base(path))
		}
	}
	given := func(r event.Role, path string) {
		if path != "" {
			out[r] = path
		}
	}
	given(event.RoleParent, o.PID)
	given(event.RoleVRRP, o.VRRPPID)
	given(event.RoleCheck, o.CheckersPID)
	given(event.RoleBFD, o.BFDPID)
	if o.PID != "" {
		// Whoever gave the parent's file a place of its own runs several.
		out[event.RoleObserve] = strings.TrimSuffix(o.PID, ".pid") + "-observe.pid"
	}
	return out
}

// Suffix tells the files of several daemons on one machine apart; it is
// empty for the only one.
func Suffix(o *cmdline.Options, g *config.Global) (suffix string) {
	namespace := o.Namespace
	if namespace == "" {
		namespace = g.NetNamespace
	}
	for _, part := range []string{namespace, g.Instance} {
		if part != "" {
			suffix += "_" + strings.ReplaceAll(part, "/", "_")
		}
	}
	return suffix
}

// PIDFiles are those of the workers, which the parent writes.
type PIDFiles struct {
	paths map[event.Role]string
	open  map[event.Role]*PIDFile
	fail  func(error)
}

// NewPIDFiles returns the pid files at some paths; what goes wrong with them is
// told to fail.
func NewPIDFiles(paths map[event.Role]string, fail func(error)) *PIDFiles {
	return &PIDFiles{paths: paths, open: make(map[event.Role]*PIDFile), fail: fail}
}

// Started notes a worker's pid.
func (p *PIDFiles) Started(r event.Role, pid int) {
	path := p.paths[r]
	if path == "" || pid == 0 {
		return
	}
	f := p.open[r]
	var err error
	if f == nil {
		if f, err = LockPID(path); err == nil {
			p.open[r] = f
		}
	}
	if err == nil {
		err = f.Write(pid)
	}
	if err != nil {
		p.fail(err)
	}
}

// Remove takes all of them away.
func (p *PIDFiles) Remove() {
	for _, f := range p.open {
		f.Remove()
	}
}
