// Package e2e holds the tests that run the built gateway as its users do: real clients, real files, real kills. They carry the
// build tag e2e and need the programs that .ci/run installs; a test whose program is missing says so and is skipped, but
// with POSTERN_E2E_ALL=1, as in CI, it fails.
package e2e
