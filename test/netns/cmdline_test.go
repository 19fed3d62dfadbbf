// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// Whatever script calls keepalived finds the same exit status, and the same
// numbers of signals. Options that 2.2.7 of Debian does not have yet are left out,
// and a file that is not there: it says 0 to that.
func TestCommandLineLikeKeepalived(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	r := l.Router("a", l.Wire())
	good := l.File("good.conf", "global_defs {\n    router_id x\n}\n", 0o644)
	bogus := l.File("bogus.conf", "global_defs {\n    bogus x\n}\n", 0o644)
	instance := l.File("instance.conf", "vrrp_instance V {\n    interface eth0\n    virtual_router_id 5\n    virtual_ipaddress { 10.77.0.1 }\n}\n", 0o644)
	absent := l.File("absent.conf", "vrrp_instance V {\n    interface nosuch0\n    virtual_router_id 5\n    virtual_ipaddress { 10.77.0.1 }\n}\n", 0o644)
	included := l.File("included.conf", "include "+filepath.Join(l.Dir(), "nosuch")+"\n", 0o644)
	chosen := l.File("chosen.conf", "@one global_defs {\n@one }\n@two bogus\n", 0o644)
	for _, line := range []string{
		"--signum=STOP", "--signum=RELOAD", "--signum=DATA", "--signum=STATS", "--signum=STATS_CLEAR", "--signum=JSON", "--signum=NO", "--signum", "--version", "-v",
		"-Z", "--nosuch", "--config-id", "-i", "-f", "-p", "--use-file",
		"-t -f " + good, "--config-test -f " + good, "--config-test=" + filepath.Join(l.Dir(), "log") + " -f " + bogus, "-t -f" + bogus, "-t --use-file=" + bogus,
		"-t -f " + instance, "-t -f " + absent, "-t -f " + included, "-t -e -f " + included, "-t -i one -f " + chosen, "-t --config-id two -f " + chosen, "-t -i three -f " + chosen,
		"-t -S 9 -f " + good, "-t --log-fac=3 -f " + good,
		"-t -u 9999 -f " + good, "-t -u 022 -f " + good, "-t -l -D -n -d -G -f " + good,
		"-t -PCBXVIRaxm -f " + good, "-t --vrrp --check --no_bfd --all -f " + good, "-t -p /a -r /b -c /c -b /d -A x -f " + good,
		"-t -f " + good + " surplus", "-t --dont-resp --release-v -f " + good, "-t --dont -f " + good,
	} {
		args := strings.Fields(line)
		theirs, said := endOf(t, r, "keepalived", args)
		ours, word := endOf(t, r, lab.Binary(t, "vigild"), args)
		if ours != theirs {
			t.Errorf("%s: status %d (%s), keepalived's %d (%s)", line, ours, firstOf(word), theirs, firstOf(said))
		}
		if strings.HasPrefix(line, "--signum=") && ours == 0 && word != said {
			t.Errorf("%s: %s, keepalived's %s", line, word, said)
		}
	}
}

// endOf runs a program to its end.
func endOf(t *testing.T, r *lab.Router, program string, args []string) (status int, said string) {
	t.Helper()
	said, err := r.Try(append([]string{program}, args...)...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatalf("%s %v: %v", program, args, err)
	}
	return status, said
}
