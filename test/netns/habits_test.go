// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
)

// What else there is to a daemon than its protocol: pid files and their locks,
// the log of addresses, and the files by which a reload is asked for and told of.
func TestHabitsOfTheDaemon(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	mark, when, report := filepath.Join(l.Dir(), "mark"), filepath.Join(l.Dir(), "when"), filepath.Join(l.Dir(), "report")
	conf := fmt.Sprintf(`global_defs {
    reload_file %s
    reload_time_file %s
    reload_check_config %s
    process_name habitual
    vrrp_process_name vroutine
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        10.77.0.1/24
    }
}
`, mark, when, report)
	d := r.Start(lab.Vigild, conf, lab.Flags("-a"))
	d.Wait("VI_1", lab.Backup, 10*time.Second)
	base := strings.TrimSuffix(d.Conf, ".conf")
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		return string(text)
	}

	if got := read(base + ".pid"); got != "1\n" { // in a process namespace of its own
		t.Errorf("the pid file says %q", got)
	}
	if got := read(fmt.Sprintf("/proc/%d/comm", d.Main())); got != "habitual\n" {
		t.Errorf("the parent is called %q", got)
	}
	names := map[string]bool{}
	for _, pid := range d.PIDs() {
		names[strings.TrimSpace(read(fmt.Sprintf("/proc/%d/comm", pid)))] = true
	}
	if !names["vroutine"] {
		t.Errorf("the processes are called %v", names)
	}

	second := r.Program("second", lab.Binary(t, "vigild"), "-n", "-f", d.Conf, "-p", base+".pid")
	lab.Until(t, 10*time.Second, "end of the second", func() bool { _, ended := second.Ended(); return ended })
	if status, _ := second.Ended(); status != 1 || !strings.Contains(second.Said(), "already running") {
		t.Errorf("a second start ended with %d: %s", status, second.Said())
	}

	r.IP("addr add 10.78.0.1/24 dev eth0")
	r.IP("addr del 10.78.0.1/24 dev eth0")
	for _, what := range []string{"added", "removed"} {
		lab.Until(t, 10*time.Second, "address "+what, func() bool {
			for line := range strings.Lines(d.Said()) {
				if strings.Contains(line, "reports IP "+what) && strings.Contains(line, "10.78.0.1") && strings.Contains(line, "eth0") {
					return true
				}
			}
			return false
		})
	}

	reloadsByFile(t, d, mark, when, report)

	if status := d.Stop(); status != 0 {
		t.Errorf("ended with %d", status)
	}
	for _, f := range []string{".pid", "-vrrp.pid"} {
		if _, err := os.Stat(base + f); err == nil {
			t.Errorf("%s is left", base+f)
		}
	}
}

// reloadsByFile: reload_file is there while the configuration is read, the test of
// it is written down, and a reload can be asked for at a time.
func reloadsByFile(t *testing.T, d *lab.Daemon, mark, when, report string) {
	t.Helper()
	loads := func() int { return strings.Count(d.Said(), "config.loaded") }
	// Whoever makes the file may wait for it to go.
	if err := os.WriteFile(mark, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := loads()
	d.Signal(syscall.SIGHUP)
	lab.Until(t, 10*time.Second, "reload", func() bool { return loads() > before })
	if _, err := os.Stat(mark); err == nil {
		t.Error("reload_file is left")
	}
	if _, err := os.Stat(report); err != nil {
		t.Errorf("reload_check_config: %v", err)
	}
	before = loads()
	at := time.Now().Add(3 * time.Second).UTC()
	if err := os.WriteFile(when, []byte(at.Format("2006-01-02 15:04:05")+"Z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lab.Until(t, 20*time.Second, "scheduled reload", func() bool { return loads() > before })
	if now := time.Now(); now.Before(at.Truncate(time.Second)) {
		t.Errorf("reloaded at %v, was to be at %v", now, at)
	}
	if _, err := os.Stat(when); err == nil {
		t.Error("reload_time_file is left")
	}
}
