// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"os"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
