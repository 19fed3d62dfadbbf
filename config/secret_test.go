// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecretOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s, err := machineSecret(write("own", "a key \n", 0o400))
	if err != nil || s.Text != "a key " || s.Insecure != "" {
		t.Errorf("%+v, %v", s, err)
	}
	open := write("open", "hex:00", 0o640)
	if s, err = machineSecret(open); err != nil || s.Text != "hex:00" || s.Insecure != open+" may be used by others than its owner, mode 0640" {
		t.Errorf("%+v, %v", s, err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"): "no such file",
		dir:                          "is not a regular file",
		write("long", strings.Repeat("x", secretMost+1), 0o600): "is longer than 4096 bytes",
	} {
		if _, err := machineSecret(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
