// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"strings"
	"testing"
)

// TestLoadModule: a module that no kernel has is an error that names it. That
// one is loaded is shown by test/vm.
func TestLoadModule(t *testing.T) {
	err := LoadModule(t.Context(), "vigild_no_such_module")
	if err == nil || !strings.HasPrefix(err.Error(), "load kernel module vigild_no_such_module: ") {
		t.Errorf("%v", err)
	}
}
