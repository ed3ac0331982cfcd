package route

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/packetboat/packetboat/core/event"
)

// The reference is upstream's algorithm as written down in the words of its
// documentation, with nothing precomputed and nothing clever.

func referenceMatch(pattern, value string) bool {
	if re, err := regexp.Compile(pattern); err == nil {
		return re.MatchString(value)
	}
	return regexp.MustCompile(globExpression(pattern)).MatchString(value)
}

func referenceRule(r Rule, ev *event.Event) bool {
	texts := []struct{ pattern, value string }{
		{r.Message.Text, ev.Message},
		{r.APIVersion.Text, ev.InvolvedObject.APIVersion},
		{r.Kind.Text, ev.InvolvedObject.Kind},
		{r.Namespace.Text, ev.Namespace},
		{r.Reason.Text, ev.Reason},
		{r.Type.Text, ev.Type},
		{r.Component.Text, ev.Component()},
		{r.Host.Text, ev.Host()},
		{r.Name.Text, ev.InvolvedObject.Name},
		{r.ObjectNamespace.Text, ev.InvolvedObject.Namespace},
		{r.Action.Text, ev.Action},
	}
	for _, t := range texts {
		if t.pattern != "" && !referenceMatch(t.pattern, t.value) {
			return false
		}
	}
	for name, p := range r.Labels {
		if value, ok := ev.InvolvedObject.Labels[name]; !ok || !referenceMatch(p.Text, value) {
			return false
		}
	}
	for name, p := range r.Annotations {
		if value, ok := ev.InvolvedObject.Annotations[name]; !ok || !referenceMatch(p.Text, value) {
			return false
		}
	}
	if ev.Occurrences() < r.MinCount {
		return false
	}
	return r.Not == nil || !referenceRule(*r.Not, ev)
}

func referenceRoute(r Route, ev *event.Event, send func(receiver string)) {
	for _, rule := range r.Drop {
		if referenceRule(rule, ev) {
			return
		}
	}
	all := true
	for _, rule := range r.Match {
		if !referenceRule(rule, ev) {
			all = false
		} else if rule.Receiver.Name != "" {
			send(rule.Receiver.Name)
		}
	}
	if all {
		for _, sub := range r.Routes {
			referenceRoute(sub, ev, send)
		}
	}
}

var (
	drawnReceivers = []string{"a", "b", "c", "d"}
	drawnPatterns  = []string{
		"", "", "foo", "^foo$", "foo|bar", "*o*", "*foo*|bar", "f?o", "(?i)FOO", ".*foo.*", ".*", "^b", "r$", "fo*",
		"^(foo|bar)$", "^(?:foobar|bar)$", "[fb]", "^$", "?oo", "\ufffd", "",
	}
	drawnValues = []string{"", "foo", "bar", "foobar", "FOO", "o", "kube-system", "foo\nbar", "b\xff"}
)

func drawPattern(t *rapid.T, label string) Pattern {
	return Pattern{Text: rapid.SampledFrom(drawnPatterns).Draw(t, label)}
}

func drawPatterns(t *rapid.T, label string) map[string]Pattern {
	m := map[string]Pattern{}
	for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"k", "l"}), 0, 2).Draw(t, label) {
		m[key] = drawPattern(t, label+"."+key)
	}
	return m
}

// sparse draws a pattern for few of the keys, else hardly a rule would match.
func sparse(t *rapid.T, label string) Pattern {
	if rapid.IntRange(0, 4).Draw(t, label+"?") > 0 {
		return Pattern{}
	}
	return drawPattern(t, label)
}

func drawRule(t *rapid.T, depth int) Rule {
	r := Rule{
		Message: sparse(t, "message"), APIVersion: sparse(t, "apiVersion"), Kind: sparse(t, "kind"),
		Namespace: sparse(t, "namespace"), Reason: sparse(t, "reason"), Type: sparse(t, "type"),
		Component: sparse(t, "component"), Host: sparse(t, "host"), Name: sparse(t, "name"),
		ObjectNamespace: sparse(t, "objectNamespace"), Action: sparse(t, "action"),
	}
	if rapid.IntRange(0, 5).Draw(t, "labels?") == 0 {
		r.Labels = drawPatterns(t, "labels")
	}
	if rapid.IntRange(0, 5).Draw(t, "annotations?") == 0 {
		r.Annotations = drawPatterns(t, "annotations")
	}
	if rapid.IntRange(0, 3).Draw(t, "minCount?") == 0 {
		r.MinCount = rapid.Int32Range(-1, 4).Draw(t, "minCount")
	}
	r.Receiver.Name = rapid.SampledFrom(append([]string{""}, drawnReceivers...)).Draw(t, "receiver")
	if depth > 0 && rapid.IntRange(0, 3).Draw(t, "not?") == 0 {
		if not := drawRule(t, depth-1); !not.IsEmpty() {
			r.Not = &not
		}
	}
	return r
}

func drawRules(t *rapid.T, label string, most int) (rules []Rule) {
	for range rapid.IntRange(0, most).Draw(t, label) {
		rules = append(rules, drawRule(t, 2))
	}
	return rules
}

func drawRoute(t *rapid.T, depth int) Route {
	r := Route{Drop: drawRules(t, "drop", 1), Match: drawRules(t, "match", 3)}
	if depth > 0 {
		for range rapid.IntRange(0, 3).Draw(t, "routes") {
			r.Routes = append(r.Routes, drawRoute(t, depth-1))
		}
	}
	return r
}

func drawEvent(t *rapid.T) *event.Event {
	value := func(label string) string { return rapid.SampledFrom(drawnValues).Draw(t, label) }
	values := func(label string) map[string]string {
		return rapid.MapOfN(rapid.SampledFrom([]string{"k", "l"}), rapid.SampledFrom(drawnValues), 0, 2).Draw(t, label)
	}
	ev := &event.Event{Event: corev1.Event{
		Message: value("message"), Reason: value("reason"), Type: value("type"), Action: value("action"),
		Count:               rapid.Int32Range(0, 4).Draw(t, "count"),
		Source:              corev1.EventSource{Component: value("component"), Host: value("host")},
		ReportingController: value("reportingController"), ReportingInstance: value("reportingInstance"),
	}}
	ev.Namespace = value("namespace")
	ev.InvolvedObject.APIVersion, ev.InvolvedObject.Kind = value("apiVersion"), value("kind")
	ev.InvolvedObject.Name, ev.InvolvedObject.Namespace = value("name"), value("objectNamespace")
	ev.InvolvedObject.Labels, ev.InvolvedObject.Annotations = values("labels"), values("annotations")
	if rapid.Bool().Draw(t, "series?") {
		ev.Series = &corev1.EventSeries{Count: rapid.Int32Range(0, 4).Draw(t, "series")}
	}
	return ev
}

// An event goes to a receiver once (D-P10), else everything is upstream's:
// each matching rule sends (D-P11).
func TestTreeIsTheReference_DP10_DP11(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := drawRoute(t, 2)
		tree, err := Compile(root, drawnReceivers)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			ev := drawEvent(t)
			var want []int
			referenceRoute(root, ev, func(receiver string) { want = append(want, slices.Index(drawnReceivers, receiver)) })
			slices.Sort(want)
			want = slices.Compact(want)
			got := tree.Route(ev, nil)
			if !slices.Equal(got, want) {
				t.Fatalf("route: got %v, want %v", got, want)
			}
			explained := []int{}
			for _, r := range tree.Explain(ev).Receivers {
				explained = append(explained, slices.Index(drawnReceivers, r.Receiver))
				if len(r.Rules) == 0 {
					t.Fatalf("explain: nobody sends to %s", r.Receiver)
				}
			}
			if !slices.Equal(explained, append([]int{}, want...)) {
				t.Fatalf("explain: got %v, want %v", explained, want)
			}
		}
	})
}

func TestMatcherIsTheRegularExpression(t *testing.T) {
	alphabet := rapid.SampledFrom([]string{
		"a", "b", "-", ".", "*", "^", "$", "(", ")", "|", "?", "+", "(?i)", "(?m)", "(?s)", "\\", "[ab]", "\n", "\xff", "\ufffd", "é",
	})
	texts := rapid.SliceOfN(alphabet, 0, 8)
	rapid.Check(t, func(t *rapid.T) {
		pattern, value := "", ""
		for _, s := range texts.Draw(t, "pattern") {
			pattern += s
		}
		for _, s := range texts.Draw(t, "value") {
			value += s
		}
		comparePattern(t, pattern, value)
	})
}

func comparePattern(t interface{ Fatalf(string, ...any) }, pattern, value string) {
	m, err := compilePattern(pattern)
	re, reErr := regexp.Compile(pattern)
	switch {
	case err != nil && reErr == nil:
		t.Fatalf("pattern %q is a regular expression and was refused: %v", pattern, err)
	case err != nil:
		return
	case reErr != nil:
		re = regexp.MustCompile(globExpression(pattern))
	}
	if got, want := m.match(value), re.MatchString(value); got != want {
		t.Fatalf("pattern %q on %q: got %v, want %v (%s)", pattern, value, got, want, fmt.Sprintf("%+v", m))
	}
	if neverMatches(pattern) && reErr == nil && re.MatchString(value) {
		t.Fatalf("lint says %q never matches, but %q does", pattern, value)
	}
}

func FuzzPattern(f *testing.F) {
	for _, p := range drawnPatterns {
		for _, v := range drawnValues {
			f.Add(p, v)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, value string) { comparePattern(t, pattern, value) })
}
