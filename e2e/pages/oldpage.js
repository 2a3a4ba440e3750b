// An equivalent of the seed's polling channelclient.js, for tests only: what
// old pages do on the wire and to their handlers, written anew from a
// description of that. It evals the reply, as the old one did; handlers get
// the payload alone; a handler that throws, or a message that is not JSON,
// ends the polling for good.
//
// Old and broken was: send used a variable `url` that did not exist, stopPolling
// called cancelTimeout, getIP evaluated the address. These three work here, as
// they must have on any site in use.

/* exported channelClient */
/* eslint no-eval: "off" */

function channelClient(channelID, clientID, url) {
  this.channelID = channelID;
  this.clientID = clientID;
  this.url = url;
  this.handlers = {};
  this.timer = null;
  this.startPolling(500);
}

// Calls callback(payload) for each message of a type, the last one registered only.
channelClient.prototype.register = function (type, callback) {
  this.handlers[type] = callback;
};

channelClient.prototype.getChannelID = function () {
  return this.channelID;
};

channelClient.prototype.query = function () {
  return this.url + '?channelid=' + this.channelID + '&clientid=' + this.clientID;
};

channelClient.prototype.request = function (method, address, body, callback) {
  var xhr = new XMLHttpRequest();
  xhr.open(method, address, true);
  xhr.onreadystatechange = function () {
    if (xhr.readyState === 4) {
      callback(xhr.status, xhr.responseText);
    }
  };
  xhr.send(body);
};

channelClient.prototype.send = function (type, payload) {
  var message = { type: type, payload: payload, from: this.clientID };
  this.request('POST', this.query(), JSON.stringify(message), function () {});
};

// Handles one message; a page may put a function of its own in its place.
channelClient.prototype.onmessage = function (message) {
  if (this.handlers[message.type]) {
    this.handlers[message.type](message.payload);
  }
};

// Asks once for new messages; callback() when they are handled.
channelClient.prototype.poll = function (callback) {
  var self = this;
  this.request('GET', this.query(), null, function (status, text) {
    if (status === 200) {
      var messages = eval(text);
      for (var i = 0; i < messages.length; i++) {
        var message = JSON.parse(messages[i]);
        if (message.from !== self.clientID) {
          self.onmessage(message);
        }
      }
    }
    callback();
  });
};

// Polls, and again delay milliseconds after each answer was handled.
channelClient.prototype.startPolling = function (delay) {
  var self = this;
  this.stopPolling();
  var round = {};
  this.round = round;
  var next = function () {
    self.poll(function () {
      if (self.round === round) {
        self.timer = setTimeout(next, delay);
      }
    });
  };
  next();
};

channelClient.prototype.stopPolling = function () {
  this.round = null;
  clearTimeout(this.timer);
};

// Calls callback(address) with this client's address as the server sees it.
channelClient.prototype.getIP = function (callback) {
  this.request('GET', this.url + '?getIP', null, function (status, text) {
    callback(text);
  });
};
