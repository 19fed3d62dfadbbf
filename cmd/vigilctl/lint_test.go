// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	a, b := pair(t)
	if code, out, errs := ctl(t, nil, "config", "lint", a, b); code != exitOK || out+errs != "" {
		t.Errorf("a pair that is well: %d: %s%s", code, out, errs)
	}
	a, b = pair(t, "auth_pass x", "auth_pass y")
	code, out, errs := ctl(t, nil, "config", "lint", "left="+a, b)
	want := fmt.Sprintf("%s:7:3: error: the authentication of VI_1 differs from that on left (auth_pass): adverts are refused [left: %s:7:3]\n", b, a)
	// The place is that of the authentication.
	want = strings.NewReplacer(":7:3", ":5:2").Replace(want)
	if code != 5 || out != want {
		t.Errorf("%d: got %swant %s%s", code, out, want, errs)
	}
	for _, format := range []string{"json", "sarif"} {
		code, out, _ := ctl(t, nil, "config", "lint", "--format", format, a, b)
		if code != 5 || !json.Valid([]byte(out)) || !strings.Contains(out, "auth_mismatch") {
			t.Errorf("%s: %d: %s", format, code, out)
		}
	}
	if code, _, errs := ctl(t, nil, "config", "lint", a, filepath.Join(t.TempDir(), "none")); code != 4 || !strings.Contains(errs, "none") {
		t.Errorf("no such file: %d: %s", code, errs)
	}
}

// TestNames gives routers names that tell them apart.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	file := func(path string) string {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("@left global_defs { router_id x\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{file("a.conf"), file("b.conf")}, "a b"},
		{[]string{file("x/k.conf"), file("y/k.conf")}, "x y"},
		{[]string{"left=" + file("k.conf"), "right=" + file("k.conf")}, "left right"},
		{[]string{file("k.conf"), file("k.conf")}, ""},
	} {
		list, err := members(c.args)
		var names []string
		for _, m := range list {
			names = append(names, m.name)
		}
		if got := strings.Join(names, " "); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q, %v, want %q", c.args, got, err, c.want)
		}
	}
}
