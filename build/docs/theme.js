// Gives the pages of the documentation the theme that was chosen in Halfstep. Without it they follow the system's.
try {
  const theme = localStorage.getItem('halfstep.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked.
}
