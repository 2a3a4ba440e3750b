package client

import "time"

// pause is how long to wait before an attempt after so many failures: full
// jitter over a window that begins at Min and ends at 4, 8, 16... times Min,
// then at Max.
func (b Backoff) pause(random func() float64, failures int) time.Duration {
	most := b.Max
	if doubled := 4 * b.Min << min(failures, 16); doubled > b.Min { // else it has overflowed
		most = min(most, doubled)
	}
	return b.Min + time.Duration(random()*float64(most-b.Min))
}

// jitter is just enough delay that those who were told to come at once don't
// come in the same millisecond.
func (b Backoff) jitter(random func() float64) time.Duration {
	least := min(atOnce, b.Min)
	return least + time.Duration(random()*float64(b.Min-least))
}
