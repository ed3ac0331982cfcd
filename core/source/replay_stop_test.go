package source

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/packetboat/packetboat/state"
)

// TestAReaderThatStoppedIsNotAskedAgain: the watch breaks off with 410 just as
// the reader has had enough. To go on by windows would call it after it left.
func TestAReaderThatStoppedIsNotAskedAgain(t *testing.T) {
	from := state.Cursor{ResourceVersion: "5"}
	stopped := false
	r := &replay{source: New(Options{}), until: "99", from: from, next: from, yield: func(Page) bool {
		require.False(t, stopped)
		stopped = true
		return false
	}}
	_, err := r.take(watch.Event{Type: watch.Added, Object: &corev1.Event{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "6"}}})
	require.NoError(t, err)
	_, err = r.take(watch.Event{Type: watch.Error, Object: &metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusGone, Reason: metav1.StatusReasonExpired,
	}})
	require.ErrorIs(t, err, errStopped)
	require.NotErrorIs(t, err, errCompacted)
}
