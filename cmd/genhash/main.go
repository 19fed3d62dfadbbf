// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/vigild/vigild/cmd/genhash/digest"
)

func main() { os.Exit(digest.Main("genhash", os.Args[1:], os.Stdout, os.Stderr)) }
