// Which build of the client is tested: the sources, or with COMMCHANNEL_DIST
// set the module in dist, whose internal names are shortened.

const dist = process.env.COMMCHANNEL_DIST !== undefined;

export const { connect, channelClient, ChannelError } = await import(
  dist ? "../dist/channelclient.mjs" : "../src/index.js"
);
