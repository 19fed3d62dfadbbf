// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/syntax"
)

// TestDraft: of a large configuration the text is known before it is judged, and it is the text of the configuration
// unless something is found useless.
func TestDraft(t *testing.T) {
	service := func(i int, more string) string {
		return fmt.Sprintf("virtual_server 10.0.0.%d 80 {\n delay_loop 1\n protocol TCP\n real_server 192.0.2.%[1]d 80 {\n  TCP_CHECK {\n  }\n%s }\n}\n", i, more)
	}
	load := func(text string) (c *config.Config, image []byte, drafts [][]byte) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "keepalived.conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := config.Environment{Hostname: "t", Draft: func(text []byte) { drafts = append(drafts, bytes.Clone(text)) }}
		e.Account = func(string, string) (config.Account, error) { return config.Account{}, errors.New("nobody") }
		c, image, _ = config.Load(file, syntax.Options{FS: syntax.Disk{}}, e)
		return c, image, drafts
	}
	var many strings.Builder
	for i := range 100 {
		many.WriteString(service(1+i, ""))
	}
	c, image, drafts := load(many.String())
	if len(c.Health.Services) != 100 || len(drafts) != 1 || !bytes.Equal(drafts[0], image) {
		t.Errorf("%d services, %d drafts", len(c.Health.Services), len(drafts))
	}
	c, image, drafts = load(many.String() + service(200, "  MISC_CHECK {\n   misc_path /none\n   user nosuch\n  }\n"))
	if len(c.Health.Services) != 101 || len(drafts) != 1 || bytes.Equal(drafts[0], image) || bytes.Contains(image, []byte("/none")) {
		t.Errorf("%d services, %d drafts", len(c.Health.Services), len(drafts))
	}
	if _, _, drafts = load(service(1, "")); len(drafts) != 0 {
		t.Errorf("%d drafts of what is small", len(drafts))
	}
}
