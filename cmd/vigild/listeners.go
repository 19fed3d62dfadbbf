// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/config/vigil"
)

// listeners are the sockets that the observe role serves. The parent opens and
// keeps them, so that a new observe role loses no connection and needs no
// privilege for a port or a folder.
type listeners struct{ open map[string]*os.File }

// The names of listeners say what is served on them.
const (
	serveHTTP    = "http "
	serveControl = "control "
)

// wanted returns the listeners that the settings ask for, opened where they
// are new. What could not be opened is in the error: addresses are not given
// up for want of a page about them.
func (l *listeners) wanted(o *vigil.Settings) (map[string]*os.File, error) {
	names := make([]string, 0, len(o.Web.Listen)+1)
	for _, a := range o.Web.Listen {
		names = append(names, serveHTTP+a)
	}
	if o.Control.Socket != "" {
		names = append(names, serveControl+o.Control.Socket)
	}
	all := map[string]*os.File{}
	var errs []error
	for _, name := range names {
		f := l.open[name]
		if f == nil {
			var err error
			if f, err = listen(name, &o.Control); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		all[name] = f
	}
	return all, errors.Join(errs...)
}

// drop closes what wanted opened for a generation that did not come into force.
func (l *listeners) drop(all map[string]*os.File) {
	for name, f := range all {
		if l.open[name] != f {
			l.shut(name, f)
		}
	}
}

// use puts what wanted returned into force.
func (l *listeners) use(all map[string]*os.File) {
	for name, f := range l.open {
		if all[name] == nil {
			l.shut(name, f)
		}
	}
	l.open = all
}

func (l *listeners) close() {
	for name, f := range l.open {
		l.shut(name, f)
	}
	l.open = nil
}

func (l *listeners) shut(name string, f *os.File) {
	if path, ok := strings.CutPrefix(name, serveControl); ok {
		// Somebody may have been tidy before us.
		_ = os.Remove(path)
	}
	f.Close()
}

func listen(name string, o *vigil.Control) (*os.File, error) {
	if path, ok := strings.CutPrefix(name, serveControl); ok {
		return listenUnix(path, o)
	}
	t, err := net.Listen("tcp", strings.TrimPrefix(name, serveHTTP))
	if err != nil {
		return nil, err
	}
	defer t.Close()
	return t.(*net.TCPListener).File()
}

// listenUnix makes the socket of vigilctl. Whoever may open it may ask for a
// reload, so nobody may before its mode is right.
func listenUnix(path string, o *vigil.Control) (*os.File, error) {
	mode, err := strconv.ParseUint(o.Mode, 8, 32)
	if err != nil {
		return nil, fmt.Errorf("mode of %s: %w", path, err)
	}
	gid, err := groupID(o.Group)
	if err != nil {
		return nil, fmt.Errorf("group of %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("listen on %s: %w", path, unix.EADDRINUSE)
	}
	// What is left there is of a process that has ended.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	// Nobody connects before listen, so there is no moment with a wrong mode.
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: path})
	if err == nil {
		err = errors.Join(os.Chown(path, -1, gid), os.Chmod(path, os.FileMode(mode)), unix.Listen(fd, 128))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return f, nil
}

// groupID finds a group; -1, which changes nothing, for none.
func groupID(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	g, err := user.LookupGroup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(g.Gid)
}
