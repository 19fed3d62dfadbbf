// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// ruled are rules of every kind, in the spellings that people use.
const ruled = `-A -t 10.0.0.1:http -s wrr -p 600
-a -t 10.0.0.1:http -r 10.0.0.9 -g
-a -t 10.0.0.1:http -r 10.0.0.8:8080 -m -w 100000
-a -t 10.0.0.1:http -r 10.0.0.7 -i
-a -t 10.0.0.1:http -r 10.0.0.6 -i --tun-type gue --tun-port 6080 --tun-csum
-a -t 10.0.0.1:http -r 10.0.0.5 -i --tun-type gre --tun-nocsum
-a -t 10.0.0.1:http -r 200.0.0.4 -i --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 10.0.0.1:http -r 2001:db8::7 -i -w 0
-A -t 10.0.0.1:81 -p
-A -t 10.0.0.1:82 -p 60 -M 255.255.255.0 -s sh -b sh-port,sh-fallback
-A -u 10.0.0.1:5060 -s rr -p 60 --pe sip -o
-A -u 10.0.0.1:domain -s rr -o
-A -t 200.0.0.1:80 -s mh -b mh-port
-A -t 10.0.0.1:83 -s rr -b flag-2
-A -t 10.0.0.1 -s rr -p 5
-A -f 5 -s rr
-a -f 5 -r 10.0.0.7 -m
-a -f 5 -r 10.0.0.7:80 -m
-A -f 5 -6 -s rr -p 7 -M 64
-a -f 5 -6 -r 2001:db8::9 -m
-A -t [2001:db8::1]:80 -s rr -p 7 -M 64
-a -t [2001:db8::1]:80 -r [2001:db8::9]:8080 -m
-A --sctp-service 10.0.0.1:99 -s nq
`

// TestRules restores rules with ipvsadm and with vigilctl: the tables are the
// same, and both programs say the same of either.
func TestRules(t *testing.T) {
	theirs, _ := director(t)
	ours, _ := director(t)
	ctl := lab.Binary(t, "vigilctl")
	file := filepath.Join(t.TempDir(), "rules")
	write := func(text string) string {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for line := range strings.Lines(ruled) {
		theirs.Run(append([]string{"ipvsadm"}, strings.Fields(line)...)...)
	}
	ours.Run(ctl, "ipvs", "restore", write(ruled))
	for _, one := range []struct{ ipvsadm, vigilctl string }{
		{"-Sn", "save"},
		{"-Ln", "list"},
		{"-Ln --stats", "list --stats"},
		{"-Ln --rate", "list --rate"},
		{"-Ln --thresholds", "list --thresholds"},
		{"-Ln --stats --exact", "list --stats --exact"},
	} {
		want := theirs.Run(append([]string{"ipvsadm"}, strings.Fields(one.ipvsadm)...)...)
		if got := ours.Run(append([]string{"ipvsadm"}, strings.Fields(one.ipvsadm)...)...); got != want {
			t.Errorf("ipvsadm %s of what vigilctl restored:\n%s\nnot\n%s", one.ipvsadm, got, want)
		}
		if got := ours.Run(append([]string{ctl, "ipvs"}, strings.Fields(one.vigilctl)...)...); got != want {
			t.Errorf("vigilctl ipvs %s:\n%s\nnot\n%s", one.vigilctl, got, want)
		}
	}

	// What was saved is what there is, so there is nothing to do.
	saved := ours.Run(ctl, "ipvs", "save")
	if got := ours.Run(ctl, "ipvs", "restore", "--clear", "--dry-run", write(saved)); got != "" {
		t.Errorf("to restore what was saved would change:\n%s", got)
	}
	// Only what differs is done.
	saved = strings.Replace(saved, "10.0.0.9:80 -g -w 1", "10.0.0.9:80 -g -w 3", 1)
	saved = strings.Replace(saved, "-A --sctp-service 10.0.0.1:99 -s nq\n", "", 1)
	want := "edit destination tcp/10.0.0.1:80 -> 10.0.0.9:80\ndelete service sctp/10.0.0.1:99\n"
	if got := ours.Run(ctl, "ipvs", "restore", "--clear", "--dry-run", write(saved)); got != want {
		t.Errorf("it would\n%s\nnot\n%s", got, want)
	}
	ours.Run(ctl, "ipvs", "restore", file)
	if got := ours.Run("ipvsadm", "-Sn"); !strings.Contains(got, "10.0.0.9:80 -g -w 3\n") || !strings.Contains(got, "10.0.0.1:99") {
		t.Errorf("without --clear:\n%s", got)
	}
	ours.Run(ctl, "ipvs", "restore", "--clear", file)
	if got := ours.Run("ipvsadm", "-Sn"); got != saved {
		t.Errorf("with --clear:\n%s\nnot\n%s", got, saved)
	}

	// With a mistake nothing is done, and all are named.
	out, err := ours.Try(ctl, "ipvs", "restore", "--clear", write("-A -t 10.0.0.1:80\n-A -t 10.0.0.1:nosuch\n\n-a -t 10.0.0.2:80\n"))
	if err == nil || !strings.Contains(out, file+":2: service \"nosuch\"") || !strings.Contains(out, file+":4: it names no real server") {
		t.Errorf("mistakes: %v, %s", err, out)
	}
	out, err = ours.Try(ctl, "ipvs", "restore", write("-A -t 10.0.0.1:80\n-a -t 10.0.0.2:80 -r 10.0.0.3\n"))
	if err == nil || !strings.Contains(out, file+":2: no such service") {
		t.Errorf("a mistake: %v, %s", err, out)
	}
	if got := ours.Run("ipvsadm", "-Sn"); got != saved {
		t.Errorf("after mistakes:\n%s\nnot\n%s", got, saved)
	}
}
