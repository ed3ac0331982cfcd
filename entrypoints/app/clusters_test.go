package app

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestShareOfTheTime(t *testing.T) {
	assert.Equal(t, 10*time.Second, shareOf(10*time.Second, 3, 4), "all run at once")
	assert.Equal(t, 5*time.Second, shareOf(10*time.Second, 5, 4))
	assert.Equal(t, 8*time.Second, shareOf(8*time.Second, 1, 4), "the last has what the others left")
	assert.Equal(t, time.Nanosecond, shareOf(-time.Second, 2, 1), "no time is not no bound")
}
