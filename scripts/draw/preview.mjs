/** The picture that other sites show of a link to Halfstep: the recorded run, and what it shows. */

const WIDTH = 1200;
const HEIGHT = 630;
const PLOT = { left: 64, right: 1136, top: 286, bottom: 540 };

/** Words and colours of the modes, from the tokens of the page. */
const ARMS = {
  fp32: { words: 'FP32', colour: '#86b4ff', dash: '' },
  fp16: { words: 'f16 with loss scaling', colour: '#f5a55b', dash: '2 9' },
  'fp16-noscale': { words: 'f16 without scaling', colour: '#54cfa6', dash: '' },
};

/** Each value's mean with its neighbours, so that noise does not hide the curves. */
function smoothed(values, window = 9) {
  return values.map((_, i) => {
    const part = values.slice(Math.max(0, i - window), i + window + 1);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

/** @param recording the content of public/recorded-run.json */
export function previewSvg(recording) {
  const runs = recording.runs.map(({ summary, loss }) => ({
    ...ARMS[summary.precision],
    loss: smoothed(loss),
    end: summary.valLoss,
  }));
  const all = runs.flatMap(({ loss }) => loss);
  const [low, high] = [Math.floor(Math.min(...all) * 2) / 2, Math.max(...all)];
  const steps = Math.max(...runs.map(({ loss }) => loss.length));
  const x = (i) => PLOT.left + ((PLOT.right - PLOT.left) * i) / (steps - 1);
  const y = (value) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * (value - low)) / (high - low);
  const lines = runs.map(({ loss, colour, dash }) => {
    const points = loss.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="6" stroke-linejoin="round" stroke-linecap="round" stroke-dasharray="${dash}"/>`;
  });
  const labels = runs.map(({ words, colour, end }, i) => {
    const left = PLOT.left + [0, 260, 680][i];
    return `<rect x="${left}" y="576" width="34" height="6" rx="3" fill="${colour}"/><text x="${left + 46}" y="588" font-size="25" fill="#e7e9ec">${words}: ${end.toFixed(2)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, 'DejaVu Sans', sans-serif">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#131519"/>
<g transform="translate(64 48)"><rect width="52" height="52" rx="11" fill="#1d5fc4"/><path transform="scale(1.625)" d="M6 24h7v-8h7V8h6" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/></g>
<text x="134" y="86" font-size="34" font-weight="650" fill="#e7e9ec">Halfstep</text>
<text x="64" y="166" font-size="52" font-weight="700" fill="#ffffff">Half the bits. Same model,</text>
<text x="64" y="228" font-size="52" font-weight="700" fill="#ffffff">if you scale the loss.</text>
<text x="1136" y="300" font-size="23" fill="#a3abb7" text-anchor="end">loss of three copies of one language model, lower is better</text>
<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}" stroke="#2f343d" stroke-width="2"/>
${lines.join('\n')}
${labels.join('\n')}
</svg>`;
}
