// Search of the site without a server: a page from a file may start no worker, so its script runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      const address = new URL(script, location.href).href.replace(/"/g, "%22");
      frame.srcdoc = `<script>
        const above = parent;
        window.postMessage = data => above.dispatchEvent(new MessageEvent("of-the-frame", { data }));
        window.importScripts = (...all) => Promise.all(all.map(each => new Promise((done, failed) => {
          const tag = document.createElement("script");
          Object.assign(tag, { src: each, onload: done, onerror: failed });
          document.head.appendChild(tag);
        })));
      <\/script><script src="${address}"><\/script>`;
      this.ready = new Promise(done => frame.addEventListener("load", done));
      window.addEventListener("of-the-frame", event => {
        const message = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(message);
        if (this.onmessage) this.onmessage(message);
      });
      document.body.appendChild(frame);
      this.frame = frame;
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
