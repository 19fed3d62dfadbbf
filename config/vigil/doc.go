// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package vigil reads vigil.yaml: how vigild is observed and run. What it keeps alive is in keepalived.conf and nowhere
// else. Defaults lie below the file, the file below the environment, that below flags, and an unknown key is an error.
//
// Only cmd and engine/run import it. It imports the packages whose settings it fills.
//
// It must never start, watch or change anything.
package vigil
