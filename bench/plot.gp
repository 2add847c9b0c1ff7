# Draws the medians with their quartiles: gnuplot -c plot.gp DATA PICTURE
data = ARG1
set terminal svg size 1000,400 dynamic enhanced font 'sans-serif,13' background '#ffffff'
set output ARG2
set multiplot layout 1,2 margins 0.07,0.98,0.16,0.9 spacing 0.08
set style data histogram
set style histogram errorbars gap 1 linewidth 1.5
set style fill solid 0.9 noborder
set errorbars small linecolor '#444444'
set boxwidth 0.9
set grid ytics linecolor '#dddddd'
set border 3
set tics nomirror
set xtics scale 0 noenhanced
set xrange [-0.7:3.7]
set yrange [0:*]
set format y '%.0s%c'
set key top right

set title 'Over the wire: transactions per second'
plot data index 0 using 2:3:4:xtic(1) title '1 client' linecolor '#88a9cf', \
     '' index 0 using 5:6:7 title '8 clients' linecolor '#2f5d8a'

set format y '%g'
set title 'In the server: µs per update'
plot data index 1 using 2:3:4:xtic(1) notitle linecolor '#2f5d8a'
unset multiplot
