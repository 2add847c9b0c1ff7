# Draws rate and sizes over time: gnuplot -c soak.gp DATA PICTURE
data = ARG1
set terminal svg size 1100,400 dynamic enhanced font 'sans-serif,13' background '#ffffff'
set output ARG2
set multiplot layout 1,2 margins 0.06,0.99,0.16,0.9 spacing 0.07
set grid ytics linecolor '#dddddd'
set border 3
set tics nomirror
set xlabel 'minutes'
set xrange [0:*]
set yrange [0:*]

set title 'jobs per second: inserted, claimed, finished'
set format y '%.0s%c'
plot data using 1:2 with lines notitle linewidth 2 linecolor '#2f5d8a'

set title 'MB'
set format y '%g'
set key center right
plot data using 1:3 with lines title 'table' linewidth 2 linecolor '#2f5d8a', \
     '' using 1:4 with lines title 'claim index' linewidth 2 linecolor '#88a9cf', \
     '' using 1:5 with lines title 'primary key' linewidth 2 linecolor '#999999'
unset multiplot
