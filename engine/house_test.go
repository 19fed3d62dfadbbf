// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/vigild/vigild/engine/house"
)

// TestHouse applies every rule of the house to the repository as it is.
func TestHouse(t *testing.T) {
	tree := repository(t)
	for _, rule := range house.Rules {
		t.Run(rule.Name, func(t *testing.T) {
			for _, f := range rule.Check(tree) {
				t.Error(f)
			}
		})
	}
}

// TestHouseSeesTheRepository fails when the rules would pass because there was
// nothing for them to look at.
func TestHouseSeesTheRepository(t *testing.T) {
	tree := repository(t)
	seen := map[string]bool{}
	for i := range tree.Packages {
		if dir, ours := tree.Packages[i].Rel(); ours {
			seen[dir] = true
		}
	}
	for i := range tree.Sources {
		seen[tree.Sources[i].Path] = true
	}
	for _, want := range []string{"engine", "engine/house", "engine/event", "engine/house_test.go", "engine/house/tiers.go", "Makefile"} {
		if !seen[want] {
			t.Errorf("%s was not looked at", want)
		}
	}
}

// repository loads the tree and the package graph once.
func repository(t *testing.T) *house.Tree {
	t.Helper()
	tree, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

var load = sync.OnceValues(func() (*house.Tree, error) {
	const root = ".."
	tree, err := house.Load(os.DirFS(root))
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	list := exec.Command("go", "list", "-e", "-deps", "-json=ImportPath,Name,Imports,Deps,Error", "./...")
	list.Dir = root
	list.Stderr = &stderr
	out, err := list.Output()
	if err != nil {
		return nil, &listError{err, stderr.String()}
	}
	tree.Packages, err = house.ReadGraph(bytes.NewReader(out))
	return tree, err
})

// listError keeps what go list said next to the fact that it did not succeed.
type listError struct {
	err  error
	said string
}

func (e *listError) Error() string { return "go list: " + e.err.Error() + "\n" + e.said }

func (e *listError) Unwrap() error { return e.err }
