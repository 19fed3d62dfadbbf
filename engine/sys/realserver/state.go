// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package realserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/vigild/vigild/engine/sys/link"
)

// state is what there is to undo.
type state struct {
	Addresses []netip.Addr `json:"addresses"`
	Settings  []setting    `json:"settings"`
}

// setting is one setting that was, or was about to be, changed.
type setting struct {
	Name string `json:"name"`
	Was  string `json:"was"`
	Set  string `json:"set"`
}

func (s *state) find(c link.Conf) int {
	return slices.IndexFunc(s.Settings, func(one setting) bool { return one.Name == c.String() })
}

// load reads the file; none is nothing to undo.
func load(file string) (*state, error) {
	s := &state{}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, s)
	}
	if err != nil {
		return nil, fmt.Errorf("read what is to be undone: %s: %w", file, err)
	}
	return s, nil
}

// save writes the file as a whole or not at all; without anything to undo there
// is none.
func (s *state) save(file string) error {
	if len(s.Addresses)+len(s.Settings) == 0 {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	fresh := file + ".new"
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return os.Rename(fresh, file)
}

// locked runs f while nobody else changes the same file.
func locked(file string, f func() error) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	return f()
}
