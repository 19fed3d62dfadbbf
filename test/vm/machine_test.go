// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package vm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/machine"
)

// TestMachine looks at the machine itself: its kernel has what the tests are
// here for, it runs as root, and its files are those of the host, but for the
// share, which alone can be changed.
func TestMachine(t *testing.T) {
	if os.Geteuid() != 0 || os.Getpid() == 1 || !machine.Inside() {
		t.Fatalf("user %d, process %d, share %q", os.Geteuid(), os.Getpid(), machine.Share())
	}
	for _, module := range []string{"ip_vs", "dummy", "8021q", "vrf", "ipvlan", "macvlan", "sch_netem", "ip_gre", "ipip", "fou"} {
		if out, err := exec.Command("modprobe", module).CombinedOutput(); err != nil {
			t.Errorf("modprobe %s: %v: %s", module, err, out)
		}
	}
	out, err := exec.Command("ipvsadm", "-Ln").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "IP Virtual Server") {
		t.Errorf("ipvsadm -Ln: %v: %s", err, out)
	}
	if out, err := exec.Command(lab.Binary(t, "vigild"), "--version").CombinedOutput(); err != nil {
		t.Errorf("vigild --version: %v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(machine.Share(), "proof"), []byte("x"), 0o600); err != nil {
		t.Errorf("write to the share: %v", err)
	}
	if err := os.WriteFile("main_test.go", nil, 0o600); err != nil {
		t.Errorf("write above the host's files: %v", err)
	}
}
