// Runs in the page under test before its own scripts.

window.violations = [];
window.ran = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
window.addEventListener("error", (event) => window.ran.push(`error: ${event.message}`));
window.addEventListener("unhandledrejection", (event) => window.ran.push(`rejection: ${event.reason}`));
window.alert = (text) => window.ran.push(`alert: ${text}`);

// Clocks that a test moves. What the page does each second it does at once when they have moved.
(() => {
  const RealDate = Date;
  const realNow = performance.now.bind(performance);
  const realInterval = window.setInterval.bind(window);
  const moved = { monotonic: 0, wall: 0 };
  const beats = [];
  performance.now = () => realNow() + moved.monotonic;
  window.Date = class extends RealDate {
    constructor(...parts) {
      if (parts.length === 0) super(RealDate.now() + moved.wall);
      else super(...parts);
    }
    static now() {
      return RealDate.now() + moved.wall;
    }
  };
  window.setInterval = (beat, ...rest) => {
    beats.push(beat);
    return realInterval(beat, ...rest);
  };
  window.clocks = {
    /** Time passes for the monotonic clock and for that on the wall, which somebody sets, or which alone goes on while
     * the machine sleeps. In milliseconds. */
    pass(monotonic, wall = monotonic) {
      moved.monotonic += monotonic;
      moved.wall += wall;
      for (const beat of beats) beat();
    },
  };
})();
