// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Root is the root of the module.
var Root = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
})

// BinariesEnv names a folder with the programs, built already: in the machine of
// test/vm nothing is built.
const BinariesEnv = "LAB_BINARIES"

// Programs is the folder with the programs of this run, built once from the
// tree as it is, without the race detector.
var Programs = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv(BinariesEnv); dir != "" {
		return dir, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(os.TempDir(), mine()+"bin")
	// The roles change to other accounts and start the program again.
	if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // programs are no secret
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir+"/", "./cmd/vigild", "./cmd/vigilctl")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build vigild: %w\n%s", err, out)
	}
	return dir, nil
})

// Binary returns the path of one of our programs, built on first use.
func Binary(t T, name string) string {
	t.Helper()
	dir, err := Programs()
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	return filepath.Join(dir, name)
}

// atOnce is how many parallel tests run at the same time, unless -parallel says
// otherwise: they wait far more than they compute.
const atOnce = "8"

// Main runs the tests of a package and removes the programs that were built
// for them: func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }. The next run
// removes what a killed one left.
func Main(m *testing.M) int {
	defer Clean()
	flag.Parse()
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "test.parallel" })
	if !set {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
	}
	return m.Run()
}

// Clean removes the programs that were built; a program that uses labs without
// Main calls it at its end.
func Clean() {
	_ = os.RemoveAll(filepath.Join(os.TempDir(), mine()+"bin"))
}
