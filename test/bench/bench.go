// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// bench is the lab.T of a program: what fails ends the attempt, not the run.
type bench struct {
	started time.Time
	rows    []*row // of this chapter
	all     []*row

	mu       sync.Mutex
	cleanups []func()
	failed   bool
}

// failure is what Fatalf throws and attempt catches.
type failure struct{ error }

func (b *bench) Helper()      {}
func (b *bench) Name() string { return "bench" }
func (b *bench) Failed() bool { return b.failed }

func (b *bench) Logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (b *bench) Errorf(format string, args ...any) {
	b.failed = true
	b.Logf(format, args...)
}

func (b *bench) Fatalf(format string, args ...any) {
	b.failed = true
	panic(failure{fmt.Errorf(format, args...)})
}

func (b *bench) Cleanup(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cleanups = append(b.cleanups, f)
}

// clean takes down what was built since there were base things, and keeps
// everybody else from building until the lock is given back.
func (b *bench) clean(base int) {
	b.mu.Lock()
	for _, f := range slices.Backward(b.cleanups[base:]) {
		f()
	}
	b.cleanups = b.cleanups[:base]
}

// attempt runs f and takes down what it built, also when it fails.
func (b *bench) attempt(f func()) (err error) {
	base := len(b.cleanups)
	b.failed = false
	defer func() {
		b.clean(base)
		b.mu.Unlock()
		if r := recover(); r != nil {
			var f failure
			if e, ok := r.(error); !ok || !errors.As(e, &f) {
				panic(r)
			}
			err = f.error
		}
	}()
	f()
	return nil
}

// sub is attempt within a round: its failure ends the round.
func (b *bench) sub(f func()) {
	if err := b.attempt(f); err != nil {
		b.Fatalf("%v", err)
	}
}

// pass lets time pass: a measurement goes on meanwhile.
func pass(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for range t.C {
		return
	}
}

func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err.Error()
	}
	return unix.ByteSliceToString(u.Release[:])
}

func version() string {
	out, err := exec.Command("keepalived", "--version").CombinedOutput()
	if f := strings.Fields(string(out)); err == nil && len(f) > 1 {
		return f[1]
	}
	return "(cannot be run)"
}
