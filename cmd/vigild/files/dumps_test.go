// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

// parsed is a configuration with one instance.
func parsed(t *testing.T) *config.Config {
	t.Helper()
	c, found := config.Parse([]byte(`vrrp_instance VI_1 {
    interface lo0
    virtual_router_id 51
    virtual_ipaddress { 192.0.2.1/24 }
}
`), config.Environment{Hostname: "test"})
	if c == nil {
		t.Fatal(found)
	}
	return c
}

// Each signal writes its files, under the names that the configuration gives them.
func TestDumpFiles(t *testing.T) {
	other := t.TempDir()
	for _, c := range []struct {
		what   string
		dump   config.Dump
		suffix string
		sig    os.Signal
		want   []string // the paths, the last of them with the text
		text   string
	}{
		{"data", config.Dump{}, "_x", syscall.SIGUSR1, []string{"keepalived_parent.data", "keepalived.data"}, "VRRP Instance = VI_1"},
		{"of an instance", config.Dump{UseInstance: true}, "_ns_x", syscall.SIGUSR1, []string{"keepalived_parent.ns_x.data", "keepalived.ns_x.data"}, "Virtual Router ID = 51"},
		{"of the only one", config.Dump{UseInstance: true}, "", syscall.SIGUSR1, []string{"keepalived_parent.data", "keepalived.data"}, "192.0.2.1/24"},
		{"elsewhere", config.Dump{State: filepath.Join(other, "s.data")}, "", syscall.SIGUSR1, []string{filepath.Join(other, "s_parent.data"), filepath.Join(other, "s.data")}, "VI_1"},
		{"statistics", config.Dump{}, "", syscall.SIGUSR2, []string{"keepalived.stats"}, "Sent: 42"},
		{"statistics elsewhere", config.Dump{Stats: filepath.Join(other, "t")}, "", StatsClear, []string{filepath.Join(other, "t")}, "Sent: 42"},
		{"JSON", config.Dump{}, "", JSON, []string{"keepalived.json"}, `"advert_sent":42`},
		{"JSON elsewhere", config.Dump{JSON: "j"}, "", JSON, []string{"j"}, `"iname":"VI_1"`},
	} {
		t.Run(c.what, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			conf := parsed(t)
			conf.Global.Dump = c.dump
			l := ledger.New()
			l.Rows(conf.Rows(config.RowsOf{Version: "test", Generation: 1}))
			l.Tally(1, &event.Tally{Subject: event.Subject{Kind: event.SubjectInstance, Name: "VI_1"}, Sent: 42, At: 1})
			d := &Dumps{Config: conf, Suffix: c.suffix}
			if err := d.Write(c.sig, l.View()); err != nil {
				t.Fatal(err)
			}
			var last string
			for _, path := range c.want {
				if !filepath.IsAbs(path) {
					path = filepath.Join(dir, path)
				}
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				last = string(text)
			}
			if !strings.Contains(last, c.text) {
				t.Errorf("lacks %q:\n%s", c.text, last)
			}
			if cleared := len(d.cleared) > 0; cleared != (c.sig == StatsClear) {
				t.Errorf("the counters begin anew: %t", cleared)
			}
			left, err := os.ReadDir(dir)
			if err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }) {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
