// Package e2e holds the tests that run the built gateway as its users do: real clients, real files, real kills. They
// carry the build tag e2e and need the programs that .ci/run installs. A test whose program is missing is skipped, or
// fails with POSTERN_E2E_ALL=1, as in CI.
package e2e
