// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// TestImport has vigilctl import turn the configurations of older directors into
// ours: both keepalived and vigild find nothing wrong with any of them.
func TestImport(t *testing.T) {
	t.Parallel()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	l := lab.New(t)
	a := l.Router("a", l.Wire(), l.Wire(), l.Wire())
	ctl := lab.Binary(t, "vigilctl")
	for folder, kind := range map[string]string{
		"heartbeat-ldirectord": "heartbeat", "heartbeat-all": "heartbeat", "piranha": "piranha", "piranha-all": "piranha",
		"ldirectord-all": "ldirectord", "ipvs": "ipvs",
	} {
		files, err := filepath.Glob(filepath.Join(root, "config/migrate/testdata", folder, "*"))
		if err != nil || len(files) < 2 {
			t.Fatal(files, err)
		}
		args := []string{ctl, "import", kind, "-o", filepath.Join(l.Dir(), folder)}
		for _, f := range files {
			if !strings.HasSuffix(f, ".golden") {
				args = append(args, f)
			}
		}
		out := a.Run(args...)
		if !strings.Contains(out, "written: ") {
			t.Errorf("%s: %s", folder, out)
		}
		if out, err := a.Try(args...); err == nil || !strings.Contains(out, "is there already") {
			t.Errorf("%s is written over: %v, %s", folder, err, out)
		}
	}
	n := 0
	err = filepath.WalkDir(l.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "keepalived.conf" {
			return err
		}
		n++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		// keepalived has this one since 2.4.0.
		theirs := l.File("theirs.conf", strings.Replace(string(text), "    vrrp_delay_after_boot ", "#", 1), 0o644)
		for _, test := range [][]string{{"keepalived", "-t", "-f", theirs}, {ctl, "config", "test", path}, {lab.Binary(t, "vigild"), "-t", "-f", path, "--settings", filepath.Join(filepath.Dir(path), "vigil.yaml")}} {
			if out, err := a.Try(test...); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
		return nil
	})
	if err != nil || n != 10 {
		t.Errorf("%d configurations, %v", n, err)
	}
}
