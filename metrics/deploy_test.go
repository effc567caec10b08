package metrics_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postern/metrics"
)

// known returns the names of all series of a gateway. Label sets that appear with use are created by whole.
func known(t *testing.T) map[string]bool {
	t.Helper()
	m := whole(t)
	m.Remote(failing{}, metrics.Answers)
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{"up": true} // Prometheus's own
	for _, f := range families {
		names[f.GetName()] = true
		if f.GetType().String() == "HISTOGRAM" {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				names[f.GetName()+suffix] = true
			}
		}
	}
	return names
}

// series matches the names of series in an expression: ours and the runtime's.
var series = regexp.MustCompile(`\b(up|(postern|process|go)_[a-z0-9_]+)\b`)

func checkExpr(t *testing.T, names map[string]bool, where, expr string) {
	t.Helper()
	found := series.FindAllString(expr, -1)
	if len(found) == 0 {
		t.Errorf("%s asks for nothing of a gateway's: %s", where, expr)
	}
	for _, name := range found {
		if !names[name] {
			t.Errorf("%s asks for %s, which no gateway shows", where, name)
		}
	}
	if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
		t.Errorf("%s has brackets left over: %s", where, expr)
	}
}

// TestDashboard: every panel of the Grafana dashboard queries existing series.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "deploy", "grafana", "postern.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	if len(board.Panels) < 10 {
		t.Fatalf("only %d panels", len(board.Panels))
	}
	names, ids := known(t), map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the number %d", p.ID)
		}
		ids[p.ID] = true
		if len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			checkExpr(t, names, p.Title, target.Expr)
		}
	}
}

// TestAlerts: every rule queries existing series and has advice. The file is read line by line: its form is plain, and
// nothing else needs a YAML library.
func TestAlerts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "deploy", "prometheus", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	names := known(t)
	rules := strings.Split(string(text), "- alert: ")[1:]
	if len(rules) < 5 {
		t.Fatalf("only %d rules", len(rules))
	}
	for _, rule := range rules {
		name, rest, _ := strings.Cut(rule, "\n")
		_, expr, ok := strings.Cut(rest, "expr: ")
		if !ok {
			t.Errorf("%s has no expression", name)
			continue
		}
		end := regexp.MustCompile(`\n        (for|labels):`).FindStringIndex(expr)
		if end == nil {
			t.Errorf("%s has no labels", name)
			continue
		}
		checkExpr(t, names, name, expr[:end[0]])
		for _, part := range []string{"severity:", "summary:", "action:"} {
			if !strings.Contains(rest, part) {
				t.Errorf("%s lacks %s", name, part)
			}
		}
	}
}
