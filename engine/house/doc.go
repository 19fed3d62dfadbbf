// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

// Package house states the rules every file of this repository keeps, as
// functions over the source tree and the package graph. A rule that is not in
// [Rules] is not a rule.
//
// Only tests may import it: engine/house_test.go applies the rules to the real
// tree, and the tests beside this file apply each of them to a sample that
// breaks it, so that no rule can come to pass silently.
//
// It must never read a file or start a program itself: it is handed a file
// system and the output of "go list", which is what makes its rules testable.
package house
