package bench

// A layout says who follows what: subscriber i the channels from i × each on,
// round and round.
type layout struct {
	subscribers, channels, each int
}

// of are the channels of a subscriber.
func (l layout) of(subscriber int) []int {
	channels := make([]int, l.each)
	for i := range channels {
		channels[i] = (subscriber*l.each + i) % l.channels
	}
	return channels
}

// slot is the place of a channel among those of a subscriber; false: it is
// none of them.
func (l layout) slot(subscriber, channel int) (int, bool) {
	i := (channel - subscriber*l.each%l.channels + l.channels) % l.channels
	return i, i < l.each && channel < l.channels
}

// followers is how many subscribers follow a channel.
func (l layout) followers(channel int) int {
	return (l.subscribers*l.each + l.channels - 1 - channel) / l.channels
}
