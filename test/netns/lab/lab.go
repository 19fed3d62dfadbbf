// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
)

// T is what a lab needs of testing.TB, so that a program can use labs too.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// Lab is a network of its own. Its methods are called from the goroutine of
// the test, as those of testing.T that they use.
type Lab struct {
	t       T
	dir     string
	prefix  string
	wires   []*Wire
	routers []*Router
}

var (
	counter atomic.Int32
	ready   = sync.OnceValue(prepare)
)

// prepare checks what every lab needs, once, and removes what dead runs left.
func prepare() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("network namespaces need root; run it with sudo")
	}
	var missing []string
	for _, name := range []string{"ip", "unshare", "keepalived"} {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s not found in PATH; test/install.sh installs what the tests need", strings.Join(missing, ", "))
	}
	return sweep()
}

// New makes an empty network. Without root, or when a program is missing, the
// test fails.
func New(t T) *Lab {
	t.Helper()
	if err := ready(); err != nil {
		t.Fatalf("lab: %v", err)
	}
	l := &Lab{t: t, prefix: fmt.Sprintf("%s%d-", mine(), counter.Add(1))}
	l.dir = filepath.Join(os.TempDir(), strings.TrimSuffix(l.prefix, "-"))
	// The roles run under accounts of their own and must reach their files.
	if err := os.Mkdir(l.dir, 0o755); err != nil { //nolint:gosec // no secret is kept there
		t.Fatalf("lab: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(l.dir); err != nil {
			t.Errorf("lab: %v", err)
		}
	})
	return l
}

// Dir is the folder of the lab's files, removed with it.
func (l *Lab) Dir() string { return l.dir }

// File writes a file into the lab's folder and returns its path.
func (l *Lab) File(name, text string, mode os.FileMode) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		l.t.Fatalf("lab: %v", err)
	}
	return path
}

// namespace makes a network namespace with its loopback up and without
// duplicate address detection.
func (l *Lab) namespace(host string) *Namespace {
	l.t.Helper()
	n := &Namespace{t: l.t, lab: l, Host: host, Name: l.prefix + host}
	if err := ip("", "netns add "+n.Name); err != nil {
		l.t.Fatalf("lab: %v", err)
	}
	l.t.Cleanup(func() {
		if err := remove(n.Name); err != nil {
			l.t.Errorf("lab: %v", err)
		}
	})
	n.IP("link set lo up")
	n.Do(func() error {
		for path, value := range map[string]string{
			"ipv6/conf/default/accept_dad": "0", "ipv6/conf/all/accept_dad": "0",
			"ipv6/conf/default/addr_gen_mode": "1", "ipv6/conf/default/accept_ra": "0",
			"ipv6/conf/default/router_solicitations": "0",
		} {
			if err := os.WriteFile("/proc/sys/net/"+path, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
	return n
}

// ip runs lines of the ip command, in a namespace if one is named.
func ip(namespace string, lines ...string) error {
	args := []string{"-batch", "-"}
	if namespace != "" {
		args = append([]string{"-n", namespace}, args...)
	}
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(lines, "; "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
