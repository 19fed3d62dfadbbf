// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"os"
	"testing"

	"github.com/vigild/vigild/test/vm/machine"
)

func TestMain(m *testing.M) { os.Exit(machine.Main(m)) }
